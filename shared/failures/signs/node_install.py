"""npm, pnpm, Yarn and Bun: packages, versions, workspaces, manifests, scripts of packages."""

from shared.failures.models import Rank, sign

_SPEC = r"(?P<module>@?[\w.-]+(?:/[\w.-]+)?)@"
_CODE = r"npm (?:ERR!|error) code E\w+"

SIGNS = (
    sign(
        "missing-script",
        r"(?i)missing script:? [\"'`]?(?P<script>[\w:.@/-]+)",
        r"error Command \"(?P<script>[\w:.@/-]+)\" not found",
        r"Couldn't find a script (?:named|with name) \"(?P<script>[^\"]+)\"",
        r"error: Script not found \"(?P<script>[^\"]+)\"",
        r"ERR_PNPM_(?:NO_SCRIPT|RECURSIVE_RUN_NO_SCRIPT|NO_SCRIPT_OR_SERVER)",
        r"None of the selected packages has a \"(?P<script>[^\"]+)\" script",
        r"Could not find (?:task|target) [`\"'](?P<script>[^`\"']+)[`\"'] in project|x Missing "
        r"tasks in project",
        r"Module not found \"(?P<script>build|start|generate)\"$",
        title=(
            'package.json has no script named "{script}".',
            "package.json has no such script.",
        ),
        tries=(
            'Add "{script}" to "scripts" in package.json',
            "If the site needs no build, leave the build command empty in the project settings",
        ),
        rank=Rank.ROOT,
        unless=r"Command \"(?:vite|next|tsc|nuxt|nuxi|astro|ng|gatsby|webpack|react-scripts|"
        r"vue-cli-service|parcel|rollup|eleventy|vitepress|docusaurus)\" not found",
    ),
    sign(
        "package-not-found",
        r"npm (?:ERR!|error) code E404",
        r"npm (?:ERR!|error) 404 +(?:Not Found - GET|'|Registry returned 404)",
        r"error Error: https?://\S+/(?P<module>[^/\s]+): Not found",
        r"(?:An unexpected error occurred: \"|error )https?://[^/]+/(?P<module>[^:\"]+): Not found",
        r"Couldn't find package \"(?P<module>[^\"]+)\"",
        rf"YN0035:(?: │)? {_SPEC}\S+: Package not found",
        r"YN0035:.*(?:Package not found|Response Code: 404)|YN0027:.*can't be resolved",
        r"ERR_PNPM_FETCH_404\W+GET https?://[^/ ]+/(?P<module>[^:\s]+):",
        r"ERR_PNPM_FETCH_404",
        r"error: GET https?://[^/ ]+/(?P<module>\S+) - 404",
        r"error: package \"(?P<module>[^\"]+)\" not found|error: (?P<module2>@?[\w./-]+)@\S+ "
        r"failed to resolve",
        r"is not in (?:the npm|this) registry",
        title=(
            'The package "{module}" does not exist in the registry.',
            "A package does not exist in the registry.",
        ),
        near=(
            r"404 +(?:Not Found - GET https?://[^/ ]+/|')(?P<module>@?[\w.-]+(?:(?:/|"
            r"%2[fF])[\w.-]+)?)",
            r"npm (?:ERR!|error) 404 ",
        ),
        tries=(
            'Check the spelling of "{module}" in package.json',
            "If it is a private package, set its registry and a token in .npmrc",
        ),
        installing=True,
    ),
    sign(
        "version-not-found",
        r"npm (?:ERR!|error) code ETARGET",
        rf"(?i)No matching version found for {_SPEC}(?P<range>\S*?)(?:\.| while|$)",
        r"Couldn't find any versions for \"(?P<module>[^\"]+)\" that matches \"(?P<range>[^\"]+)\"",
        rf"YN0082:(?: │)? {_SPEC}(?P<range>\S+): No candidates found|No candidates found",
        r"ERR_PNPM_NO_MATCHING_VERSION",
        r"No version matching \"(?P<range>[^\"]+)\" found for specifier \"(?P<module>[^\"]+)\"",
        r"ERR_PNPM_(?:NO_VERSIONS|CATALOG_ENTRY_NOT_FOUND)",
        title=(
            "No version of {module} matches {range}.",
            "No version of a package matches what package.json asks for.",
        ),
        near=(
            rf"(?i)No matching version found for {_SPEC}(?P<range>\S*?)(?:\.| while|$)",
            _CODE,
        ),
        tries=(
            'Choose a version that exists: see "npm view {module} versions"',
            "Correct the range in package.json",
        ),
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "peer-dependency-conflict",
        r"npm (?:ERR!|error) code ERESOLVE",
        r"ERESOLVE (?:could not resolve|unable to resolve dependency tree)",
        r"ERR_PNPM_PEER_DEP_ISSUES",
        r"(?:Conflicting|Incorrect|Unmet) peer dependenc(?:y|ies)",
        r"YN00(?:60|86):.*(?:error|doesn't satisfy)",
        title=(
            "{package_b} asks for {peer} {range}, which does not go with the {found} of the "
            "project.",
            "Packages ask for versions of each other that do not go together.",
        ),
        near=(
            r"(?:ERR!|error) Found: (?P<found>\S+)",
            r"(?:ERR!|error) +peer (?P<peer>@?[\w./-]+)@\"(?P<range>[^\"]+)\" from "
            r"(?P<package_b>\S+)",
            r"unmet peer (?P<peer>@?[\w./-]+)@\"?(?P<range>[^\":]+)\"?: found (?P<found>\S+)",
        ),
        tries=(
            "Use a version of {package_b} that supports {found}, or replace it",
            'As a stopgap, add "legacy-peer-deps=true" to .npmrc',
        ),
        rank=Rank.SPECIFIC,
        unless=r"^npm (?:ERR!|error) code (?!ERESOLVE)E",
    ),
    sign(
        "integrity-mismatch",
        r"npm (?:ERR!|error) code EINTEGRITY",
        r"(?i)integrity check(?:sum)? failed(?: for \"?(?P<module>@?[\w./-]+))?",
        rf"YN0018:(?: │)? {_SPEC}\S+: .*checksum|YN0018:",
        r"ERR_PNPM_TARBALL_INTEGRITY|Got unexpected checksum for",
        r"DO NOT MATCH THE HASHES|Hashes? (?:are required in|mismatch)|Hash mismatch for",
        r"Hash for .* not found in known hashes|Invalid hashes",
        r"(?:verifying (?P<module>\S+)@\S+: |^\s*)checksum mismatch|SECURITY ERROR",
        r"(?i)tarball .*corrupted|unexpected end of data.*tarball|zlib: (?:unexpected end of file|"
        r"incorrect data check)",
        title=("The downloaded {module} does not have the checksum written in the lockfile.",),
        near=r"integrity checksum failed when using|Expected sha256|go\.sum:",
        rank=Rank.SPECIFIC,
        installing=True,
    ),
    sign(
        "platform-mismatch",
        r"npm (?:ERR!|error) code EBADPLATFORM",
        r"Unsupported platform for (?P<module>@?[\w./-]+)@",
        r"(?:The (?:platform|CPU architecture) \"[^\"]+\"|The (?:os|cpu)) is incompatible with "
        r"this module",
        r"ERR_PNPM_UNSUPPORTED_PLATFORM",
        r"You installed (?P<module>\w+) (?:for|on) another platform",
        r"Cannot find module '?\"?(?P<module>(?:@rollup/rollup|@esbuild/|@swc/core|@next/swc|"
        r"@img/sharp|@parcel/\w+|@rolldown/binding|@tailwindcss/oxide|@oxc-\w+/binding|"
        r"@napi-rs/\w+|@resvg/resvg-js|@biomejs/cli|@ast-grep/\w+|@lmdb/lmdb|lightningcss|@libsql|"
        r"@node-rs/\w+)[\w/.-]*(?:linux|darwin|win32)[\w.-]*)",
        r"Cannot find module '\.\./(?P<module>lightningcss)\.|Cannot find native binding|Failed "
        r"to load native binding",
        r"Could not load the \"(?P<module>sharp)\" module using the",
        r"Failed to load SWC binary for (?P<system>\S+)|invalid ELF header|wrong ELF class|Exec "
        r"format error|exec format error",
        r"version `?GLIBC(?:XX)?_[\d.]+'? not found",
        r"(?P<module>\S+\.whl) is not a supported wheel on this platform",
        r"doesn't have a (?:source distribution or )?wheel for the current platform",
        r"no match for platform in manifest|does not match the specified platform",
        r"has no (?:usable )?wheels? .*compatible|only has wheels for the following platforms?",
        title=(
            "{module} is made for another system than the build's Linux, or was installed on "
            "another one.",
        ),
        near=r"notsup Unsupported platform|npm has a bug related to optional dependencies",
        rank=Rank.ROOT,
        installing=True,
    ),
    sign(
        "native-module-build-failed",
        r"(?:npm (?:ERR!|error) |error )?gyp ERR! (?:build error|configure error|find Python|"
        r"stack Error|not ok)",
        r"node-pre-gyp (?:ERR!|error)|prebuild-install (?:ERR!|err) (?!.*warn)|node-gyp(?:: | "
        r")(?:command )?(?:not found|failed)",
        r"(?:node-gyp|cmake-js|neon).*(?:exit(?:ed)? (?:code|with)|failed)",
        r"fatal error: (?:node\.h|nan\.h|v8\.h|napi\.h|pixman\S*|cairo\S*|vips/\S*)",
        title=("The package {module} has native code that does not compile here.",),
        near=(
            r"(?:npm (?:ERR!|error) path|cwd|gyp ERR! cwd) "
            r".*node_modules/(?P<module>@?[\w.-]+(?:/[\w.-]+)?)$",
            r"gyp ERR! (?:build error|configure error|stack Error)",
            r"\b(?:fatal )?error: (?!subprocess)",
        ),
        reach=2_000,
        tries=(
            "Use a newer version of {module}, or a package that is kept up to date",
            "Select the Node version that {module} was made for",
        ),
        rank=Rank.SPECIFIC + 1,
        installing=True,
    ),
    sign(
        "postinstall-failed",
        r"npm (?:ERR!|error) command failed",
        title=(
            "The install script of {module} ended with an error.",
            "The project's own install script ended with an error.",
        ),
        when=r"^> (?:\S+ )?(?:prepare|(?:pre|post)?install)\b|npm (?:ERR!|error) path "
        r".*node_modules/",
        unless=r"Lifecycle script",
        near=(
            r"npm (?:ERR!|error) path .*node_modules/(?P<module>@?[\w.-]+(?:/[\w.-]+)?)$",
            r"^(?:\w*Error|Error \[\w+\]|fatal|error): |\b\w*Error: ",
            r"^> \S+ (?:prepare|(?:pre|post)?install)\b",
        ),
        rank=Rank.WRAPPER,
        installing=True,
    ),
    sign(
        "postinstall-failed",
        r"npm (?:ERR!|error) Failed at the (?P<module>@?[\w./-]+)@\S+ (?:pre|post)?(?:install|"
        r"prepare) script",
        r"^error (?:\S*node_modules/)(?P<module>@?[\w.-]+(?:/[\w.-]+)?): Command failed",
        rf"YN0009:(?: │)? (?:{_SPEC}\S* )?couldn't be built successfully|YN0009:",
        r"node_modules/(?P<module>@?[\w.-]+(?:/[\w.-]+)?) (?:pre|post)?install: (?:Failed|.*ERROR)",
        r"(?:^|\s)(?:\. )?(?:pre|post)?install: Failed$|ELIFECYCLE.*(?:post|pre)?install:",
        r"error: (?:post|pre)?install script from \"(?P<module>[^\"]+)\" (?:exited|terminated)",
        r"(?:Failed to set up|ERROR: Failed to (?:set up|download)) (?:chrome|chromium|Chromium)",
        title=("The install script of {module} ended with an error.",),
        near=r"(?<!Command )\b(?:[Ee]rror|[Ff]ailed|cannot|Cannot|is empty|missing|not "
        r"found)\b(?!.*Command failed)",
        tries=(
            "Correct what the script of {module} reports",
            "Install with --ignore-scripts if the script is not needed",
        ),
        rank=Rank.WRAPPER,
        installing=True,
    ),
    sign(
        "workspace-not-found",
        r"No workspaces found",
        r"Unknown workspace \"(?P<name>[^\"]+)\"",
        r"Workspace '?\"?(?P<name>[^'\"\s]+)'?\"? not found|Workspace not found "
        r"\((?P<name2>[^)]+)\)",
        r"No projects matched the filters|No packages? matched the filter|no package found with "
        r"name [`'\"](?P<name>[^`'\"]+)",
        r"(?i)No package found with name '(?P<name>[^']+)'|cannot find project '(?P<name2>[^']+)'",
        r"Could not find (?:project|workspace) [\"'`]?(?P<name>[\w@/.-]+)|Project (?:target|"
        r"'(?P<name2>[^']+)') does not exist",
        r"ERR_PNPM_WORKSPACE_PKG_NOT_FOUND|Workspace dependency \"(?P<name>[^\"]+)\" not found",
        r"is in the dependencies but no package named \"(?P<name>[^\"]+)\" is present in the "
        r"workspace",
        r"error: No packages matched the filter|No workspace packages? (?:found|matched)",
        title=(
            'The repository has no workspace "{name}".',
            "The repository has no such workspace.",
        ),
        near=r"--workspace[= ](?P<name>\S+)",
        rank=Rank.ROOT,
    ),
    sign(
        "manifest-missing",
        r"(?:enoent|Could not read) .*(?P<file>package\.json)|Could not read "
        r"(?P<file2>package\.json)",
        r"ENOENT.*open '(?P<path>[^']*/(?:package\.json))'",
        r"Couldn't find a (?P<file>package\.json) file in",
        r"ERR_PNPM_NO_(?:IMPORTER_MANIFEST_FOUND|PKG_MANIFEST)|No (?P<file>package\.json) "
        r"(?:\([^)]*\) )?(?:was )?found in",
        r"could not find a (?P<file>package\.json)|No (?:project|package\.json) found in",
        r"The nearest package directory .* doesn't seem to be part of the project",
        r"Could not (?:open|find) (?:the )?requirements? file.*'(?P<file>[^']+)'",
        r"could not find a (?P<file>pyproject\.toml) file|No `?(?P<file2>pyproject\.toml)`? found",
        r"[Ff]ile not found: `?(?P<file>requirements[\w./-]*\.(?:txt|in))|No such file or "
        r"directory: '(?P<file2>requirements[^']*)'",
        r"Neither 'setup\.py' nor '(?P<file>pyproject\.toml)' found|does not appear to be a "
        r"Python project",
        r"No (?P<file>Pipfile) (?:present|found)|Config file '(?P<file2>mkdocs\.yml)' does not "
        r"exist",
        r"config directory doesn't contain a (?P<file>conf\.py) file",
        r"running the Angular CLI outside a workspace|Couldn't find any `pages` or `app` directory",
        r"not (?:in|inside) a (?:Gatsby|Nuxt|Angular|Vue|Ember) project|could not find "
        r"(?P<file>angular\.json)",
        r"failed to read dockerfile: open (?P<file>\S+?): no such file|unable to (?:prepare "
        r"context|evaluate symlinks in Dockerfile path)",
        r"(?:no such file or directory|cannot find).*(?P<file>Dockerfile|Containerfile)\b",
        title=(
            "There is no {file} in the root folder of the project.",
            "There is no package.json in the root folder of the project.",
        ),
        tries=(
            "Set the root folder of the project to the one with {file}",
            "Commit {file}",
        ),
        rank=Rank.CAUSE + 3,
        unless=r"TAR_ENTRY|Module build failed|>>> COPY|STEP .COPY",
    ),
    sign(
        "invalid-json",
        r"npm (?:ERR!|error) code EJSONPARSE",
        r"JSON\.parse (?:Invalid|Failed|Unexpected|Error)|JSONParseError|ERR_PNPM_(?:JSON_PARSE|"
        r"BAD_PACKAGE_JSON)",
        r"(?P<file>\S+\.json):? .*(?:Unexpected (?:token|end|string|number|non-whitespace)|"
        r"Expected .* in JSON|is not valid JSON)",
        r"^(?:\w+: )?(?:SyntaxError: )?(?:\S+ )?(?:Unexpected token .*(?:in JSON|is not valid "
        r"JSON)|Unexpected end of JSON|Expected .* in JSON at position)",
        r"Cannot parse JSON|(?:Failed|Error|Unable|Could not) (?:to )?(?:parse|parsing|read|"
        r"reading)(?: the)?(?: file)? ?:?[\"'`]?(?P<file>\S*\.json)",
        r"json\.decoder\.JSONDecodeError",
        r"error: Failed to parse (?P<file>package\.json)|InvalidPackageJSON|package\.json: "
        r"(?:Invalid|Expected|Unexpected|Trailing)",
        r"InvalidSymbol in (?P<file>\S+)|PropertyNameExpected|CommaExpected|ValueExpected in",
        title=(
            "{file} is not valid JSON.",
            "A JSON file is not valid.",
        ),
        near=r"(?P<file>[\w./-]+\.json)\b",
        reach=4,
        rank=Rank.CAUSE + 2,
    ),
    sign(
        "invalid-manifest",
        r"Invalid requirement: '?(?P<what>[^'(]+)'?(?: \(from line (?P<line>\d+) of "
        r"(?P<file>\S+?)\))?",
        r"(?:The Poetry configuration is invalid|Invalid(?: or)? pyproject|pyproject\.toml is not "
        r"a valid|RuntimeError: The Poetry configuration)",
        r"(?:Failed to parse|Couldn't parse requirement in|error parsing|Could not parse)[: "
        r"]*[`'\"]?(?P<file>\S*(?:pyproject\.toml|requirements\S*\.txt|Pipfile|setup\.cfg|"
        r"pnpm-workspace\.yaml|\.npmrc|netlify\.toml))",
        r"TOML parse error at line (?P<line>\d+)|TOMLDecodeError|TomlDecodeError|toml\.decoder",
        r"npm (?:ERR!|error) code (?:EINVALIDPACKAGENAME|EINVALIDTAGNAME|EDUPLICATEWORKSPACE|"
        r"EINVALIDTYPE|EOVERRIDE)",
        r"(?:Invalid (?:package )?name|Invalid tag name|Invalid version|Invalid comparator)[: "
        r"]+\"?(?P<what>[^\"]*)",
        r"ERR_PNPM_(?:INVALID_\w+|SPEC_NOT_SUPPORTED_\w+)|packages field missing or empty",
        r"error in \S+ setup command|configuration error: `project|invalid pyproject\.toml config",
        r"errors parsing (?P<file>go\.mod)|go\.mod:\d+: (?:unknown directive|usage:|malformed)",
        r"Schema validation failed with the following errors",
        r"InvalidRequirement|Expected (?:package name|end or semicolon|matching RIGHT_)",
        r"must not have multiple workspaces with the same name|Unable to resolve reference \$",
        title=(
            "{file} line {line} is not a valid requirement: {what}.",
            "{file} is not valid.",
            "The file that lists the dependencies is not valid: {what}.",
        ),
        tries=("Correct {file}",),
        rank=Rank.CAUSE + 1,
        unless=r"invalid go version|toolchain not available",
    ),
)
