"""Errors in the project's own code: modules, exports, syntax, module systems."""

# Tools print such quotes and marks.
# ruff: noqa: RUF001

from shared.failures.models import Rank, sign

_IMPORTER = (
    r"(?:Import trace|Imported from|imported from|imported by|importer|from)[: "
    r"]+[\"'`]?(?P<file>(?:file://)?[\w@./\\\[\]()+-]+\.\w+)",
    r"^(?:ERROR in |@ |\./|file: )?(?P<file>(?:\./|/)?[\w@./\[\]()+-]+\.(?:[jt]sx?|mjs|cjs|vue|"
    r"svelte|astro|mdx?|html|s?css))(?::|\s|$)",
)
_RELATIVE_CAPITAL = r"\.{1,2}/(?:[^\"'`\s]*/)?[A-Za-z0-9_-]*[A-Z][\w-]*(?:\.\w+)?"
_INSTALL = (
    'Run "npm install {package}" and commit package.json and the lockfile',
    'Check the path "{local}" and that the file is committed',
    "Check that .gitignore does not leave the file out",
)
_CANNOT = (
    r"(?:Can't|Cannot|Could not|Couldn't|Unable to|[Ff]ailed to) (?:resolve|find|load|import|"
    r"locate)"
)

SIGNS = (
    sign(
        "module-not-found",
        r"Module (?:\x1b\S+)?not found:? (?:Error: )?(?:Can't resolve|Cannot resolve(?: module| "
        r"'file' or 'directory')?) '?(?P<module>[^'\"]+)'?",
        rf"{_CANNOT} (?:import |entry (?:module|point) |module |package |file |the (?:module|file|"
        rf"package|import) )?[\"'`](?P<module>[^\"'`]+)[\"'`](?!.*(?:tsconfig|plugin|preset|"
        rf"parser|config|template|layout|browserslist|SWC|native))",
        r"(?:^|\W)Can't resolve '(?P<module>[^']+)' in '",
        r"(?:UNRESOLVED_IMPORT|UNRESOLVED_ENTRY).*?['\"](?P<module>[^'\"]+)['\"]",
        r"Could not load (?P<module>\S+)(?: \(imported by (?P<file>[^)]+)\))?: ENOENT",
        r"ENOENT.*open '(?P<module>\S+/(?:src|app|lib|components)/\S+\.(?:[jt]sx?|mjs|vue|svelte|"
        r"s?css|json))'",
        r"(?:Error|error|Error \[\w+\]): Cannot find (?:module|package) '(?P<module>[^']+)'(?: "
        r"imported from (?P<file>\S+))?",
        r"ERR_MODULE_NOT_FOUND|code: 'MODULE_NOT_FOUND'",
        r"These dependencies were not found:|This dependency was not found:|These relative "
        r"modules were not found:",
        r"\* (?P<module>@?[\w./~-]+) in \./\S+",
        r"Could not find a required file\.|Cannot find (?:file|module):? "
        r"?['\"](?P<module>[^'\"]+)['\"]",
        r"error: Could not resolve:? \"(?P<module>[^\"]+)\"|error: Cannot find (?:module|package) "
        r"[\"'](?P<module2>[^\"']+)[\"']",
        r"error: Module not found \"(?P<module>[^\"]+)\"|Unable to resolve (?:module |path to "
        r"module )?[`'\"](?P<module2>[^`'\"]+)",
        r"Failed to resolve import \"(?P<module>[^\"]+)\" from \"(?P<file>[^\"]+)\"",
        r"Cannot resolve dependency '(?P<module>[^']+)'|Could not find module "
        r"[`'\"](?P<module2>[^`'\"]+)",
        r"error TS2307: Cannot find module '(?P<module>[^']+)'|TS2307:? .*Cannot find module "
        r"'(?P<module2>[^']+)'",
        r"Type error: Cannot find module '(?P<module>[^']+)'",
        r"error ts\(2307\): Cannot find module '(?P<module>[^']+)'",
        title=(
            '{file} imports "{package}", which is not installed.',
            "{file} imports {local}, which does not exist.",
            'The package "{package}" is not installed.',
            "The code imports {local}, which does not exist.",
        ),
        near=(*_IMPORTER, r"code: '(?:ERR_)?MODULE_NOT_FOUND'"),
        tries=_INSTALL,
        reach=12,
        rank=Rank.CAUSE,
        unless=r"Cannot find module 'node:|gyp ERR! stack Error: Cannot find module",
    ),
    sign(
        "import-case-mismatch",
        rf"(?:Could not|Can't|Cannot|Failed to|Unable to) resolve (?:import |module "
        rf")?[\"'`](?P<module>{_RELATIVE_CAPITAL})[\"'`]",
        rf"(?:TS2307:?|Error:|error:) Cannot find module '(?P<module>{_RELATIVE_CAPITAL})'",
        title=(
            'The import "{module}" in {file} matches no file: Linux tells capital letters apart.',
            'The import "{module}" matches no file: Linux tells capital letters apart.',
        ),
        near=_IMPORTER,
        tries=(
            "Write the import exactly like the file name",
            'Rename the file with "git mv"',
            "Check that the file is committed",
        ),
        reach=6,
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "import-case-mismatch",
        r"Cannot find file:? .*does not match the corresponding (?:name|path) on disk",
        r"differs from (?:already included )?file name .* only in casing|TS1261|TS1149",
        r"There are multiple modules with names that only differ in casing",
        r"(?i)(?:casing|case) (?:of|does not match|mismatch).*(?:file|import|path|disk|module)",
        r"(?i)(?:file|import|path|module).*(?:differs? only (?:in|by) cas(?:e|ing)|case.sensitiv|"
        r"wrong casing|incorrect casing)",
        r"Did you mean '\./(?P<right>[\w./-]+)'\?.*(?:case|casing)",
        near=r"['\"](?P<module>\.{1,2}/[^'\"]+)['\"]",
        title=(
            'The import "{module}" does not match the file\'s name: Linux tells capital letters '
            "apart.",
        ),
        rank=Rank.ROOT,
    ),
    sign(
        "export-not-found",
        r"Attempted import error: '(?P<name>[^']+)' is not exported from '(?P<module>[^']+)'",
        r"(?:MISSING_EXPORT\W.*)?[\"'`](?P<name>[^\"'`]+)[\"'`] is not exported (?:by|from) "
        r"[\"'`]?(?P<module>[^\"'`,]+)",
        r"[Ee]xport '?(?P<name>\w+)'? (?:\(imported as '\w+'\) |\(reexported as '\w+'\) )?was not "
        r"found in (?:module )?'(?P<module>[^']+)'",
        r"No matching export in \"(?P<module>[^\"]+)\" for import \"(?P<name>[^\"]+)\"",
        r"[Ee]xport (?P<name>\w+) doesn't exist in target module|The export (?P<name2>\w+) was "
        r"not found in module",
        r"(?P<module>\S+) does not export '(?P<name>[^']+)'|does not have an? export named "
        r"'?(?P<name2>\w+)",
        r"The requested module '(?P<module>[^']+)' does not provide an export named "
        r"'(?P<name>[^']+)'",
        r"export named '(?P<name>\w+)' not found in module|No matching export for import|"
        r"Importing binding name '(?P<name2>\w+)' is not found",
        title=(
            '{file} imports "{name}" from {module}, which does not export it.',
            'The code imports "{name}" from {module}, which does not export it.',
            'The code imports "{name}", which the module does not export.',
        ),
        near=(r"[Ii]mported (?:by|from|in) \"?(?P<file>[\w@./-]+\.\w+)", *_IMPORTER[1:]),
        reach=5,
        tries=(
            'Export it by name: "export function {name}", or correct the import',
            "Import a default export without braces",
        ),
        rank=Rank.GENERAL + 3,
    ),
    sign(
        "esm-cjs-mismatch",
        r"ERR_REQUIRE_ESM|ERR_REQUIRE_ASYNC_MODULE|ERR_REQUIRE_CYCLE_MODULE",
        r"require\(\) of ES Module (?P<module>\S+)(?: from (?P<file>\S+))? not supported",
        r"Cannot use import statement outside a module",
        r"(?P<name>require|exports|module|__dirname|__filename) is not defined(?: in ES module "
        r"scope|$)",
        r"Named export '(?P<name>\w+)' not found\. The requested module '(?P<module>[^']+)' is a "
        r"CommonJS",
        r"SyntaxError: (?:Unexpected token '?export'?|Cannot use 'import\.meta' outside a module|"
        r"Unexpected token '?import'?)",
        r"resolved to an ESM file\. ESM file cannot be loaded by `require`",
        r"Dynamic require of \"(?P<module>[^\"]+)\" is not supported",
        r"Must use import to load ES Module|require\(\) cannot be used on an ESM graph",
        r"ERR_UNSUPPORTED_DIR_IMPORT|Directory import '[^']*' is not supported",
        r"is not supported resolving ES modules|To load an ES module, set \"type\": \"module\"",
        r"Importing a CommonJS module .* is not supported|\"(?P<module>[^\"]+)\" is (?:an )?ESM[- "
        r"]only",
        r"(?:ES Module|ESM).*(?:cannot be|can't be|could not be) (?:required|loaded with require)",
        title=(
            "{file} loads {module} with require(), but it is an ES module only.",
            '"{name}" does not exist in an ES module: the project mixes ES modules and CommonJS.',
            "{module} is an ES module, and the code loads it as CommonJS or the other way round.",
        ),
        near=(r"^(?:file://)?(?P<file>/[\w@./-]+\.[cm]?[jt]s):\d+$", r"ERR_REQUIRE_ESM"),
        reach=8,
        rank=Rank.CAUSE + 1,
        warnings=True,
    ),
    sign(
        "esm-cjs-mismatch",
        r"TypeError: (?:\(0 ?, ?)?(?P<name>[\w$]+)(?:\.default)?(?:\.\w+)?\)? is not a "
        r"(?:function|constructor)",
        title='"{name}" is not a function: a package that is an ES module only gives require() a '
        "module object.",
        tries=(
            'Use "import {name} from \'{name}\'" and set "type": "module"',
            "Or install a version of {name} that has a CommonJS form",
        ),
        when=r"at Object\.<anonymous>|at Module\._compile",
        rank=Rank.WEAK + 2,
    ),
    sign(
        "top-level-await",
        r"Top-level await is (?:not available|currently not supported)",
        r"(?i)top-level-await experiment is not enabled|does not support top-level await|"
        r"top.level await is not (?:supported|allowed|available)",
        r"Top-level 'await' expressions are only allowed|TS1378",
        r"await is only valid in async functions and the top level bodies of modules",
        r"(?:Unsupported|Unexpected) top.level await|'await' is only allowed within async "
        r"functions and at the top levels? of modules",
        title=(
            "The code uses top-level await, but the build target ({target}) does not support it.",
        ),
        near=r"target environment \(\"(?P<target>\w+)\"",
        rank=Rank.CAUSE + 2,
    ),
    sign(
        "syntax-error",
        r"(?:Module build failed|Build failed|Failed to compile).*SyntaxError",
        r"(?:^|\s)SyntaxError: (?P<file>/\S+?): (?P<what>.*?)\((?P<line>\d+):\d+\)",
        r"^(?:ERROR: |error: |✘ \[ERROR\] |\[ERROR\] )?(?P<file>[\w@./\[\]-]+\.(?:[cm]?[jt]sx?|"
        r"vue|svelte|astro|s?css|less|html|mdx?)):(?P<line>\d+):\d+:? (?:ERROR|error|"
        r"SyntaxError): (?P<what>.+)",
        r"✘ \[ERROR\] (?P<what>(?:Expected|Unexpected|Unterminated|Syntax error|The symbol|"
        r"Invalid|Multiple).*)",
        r"(?:^|\s)(?:SyntaxError|Syntax Error|ParseError|PARSE_ERROR|CssSyntaxError|Parsing "
        r"error)\b:? ?(?P<what>(?!.*(?:JSON|in ES module|outside a module|does not provide an "
        r"export)).{4,})",
        r"(?:Module parse failed|Parse failed): (?P<what>.+)",
        r"Parse failure: (?P<what>.+)|RollupError: (?P<what2>(?:Expected|Unexpected|Unterminated|"
        r"Parse failure).*)",
        r"^(?:× |x )(?P<what>(?:Expected|Unexpected|Unterminated|Expression expected|Return "
        r"statement).*)",
        r"^(?:Error: )?(?P<what>Unexpected (?:token|end of|closing|keyword|identifier|reserved|"
        r"character)(?!.*JSON).*)",
        r"^Error: +× (?P<what>.+)|^(?:Parsing|Transforming|Ecmascript file had an error|Parsing "
        r"(?:ecmascript|css) source code failed)",
        r"[Tt]ransform failed with \d+ errors?|ERROR: (?P<what>(?:Expected|Unexpected|"
        r"Unterminated).*)",
        r"(?:Unclosed block|Unknown word|Unexpected [}{)]|expected \"[{}();:]+\"|Undefined "
        r"(?:variable|mixin|function))\b.*",
        r"(?P<file>[\w@./-]+\.\w+) \((?P<line>\d+):\d+\): (?P<what>(?:Expected|Unexpected|"
        r"Expression|Unterminated|Invalid|Duplicate|Missing|Identifier|The symbol|Cannot use|"
        r"Unknown word|Unclosed)(?!.*JSON).*)",
        r"^(?:Error: +)?(?:[x×✘] +)?(?P<what>(?:Expected|Unexpected|Unterminated) .*(?:found|got|"
        r"closing|tag|token|of file|string|template|regexp)\b(?!.*JSON).*)",
        r"^@parcel/transformer-[\w-]+: (?P<what>(?:Unexpected|Expected|Expression|Unterminated|"
        r"Invalid|Unknown word).*)",
        r"MDX compilation failed for file \"(?P<file>[^\"]+)\"|Could not (?:parse|compile) "
        r"(?:expression|MDX|import/exports) with acorn",
        r"\[mdx\].*(?:Unexpected|Expected)|MDXError|Expected a closing tag for",
        title=(
            "{file} has a syntax error on line {line}: {what}",
            "{file} is not valid: {what}",
            "{file} has a syntax error.",
            "A file has a syntax error: {what}",
        ),
        near=(
            r"^(?:file: |,-\[|╭─\[|-->)? ?(?P<file>[\w@./\[\]-]+\.(?:[cm]?[jt]sx?|vue|svelte|"
            r"astro|s?css|less|html|mdx?|py)):(?P<line>\d+)",
            r"^Cause: (?P<what>.+)",
        ),
        tries=("Correct {place}", "Correct {file}"),
        reach=10,
        rank=Rank.GENERAL,
    ),
    sign(
        # webpack asks for a loader whatever it cannot parse; plain JavaScript needs none.
        "syntax-error",
        r"Module parse failed: (?P<what>(?:Unexpected|Unterminated|Invalid|Expecting).*)",
        title="{file} has a syntax error: {what}",
        near=r"^ERROR in (?P<file>\S+\.[cm]?js)(?: (?P<line>\d+))?",
        tries=("Correct {place}", "Correct {file}"),
        reach=3,
        when=r"^ERROR in \S+\.[cm]?js\b",
        unless=r"^(?:> )?(?:\d+ \||\|).*(?:<\w|import type|: (?:string|number|boolean)\b|@\w+ )|"
        r"^> \d+ \|.*<|^> .*<|^ERROR in \S+\.(?:css|scss|svg|vue|tsx?|png|jsx)\b",
        rank=Rank.SPECIFIC + 1,
    ),
    sign(
        "syntax-error",
        r"^\s*(?:SyntaxError|IndentationError|TabError): (?P<what>(?!.*(?:JSON|module|export "
        r"named|import)).+)",
        title=(
            "{file} has a syntax error on line {line}: {what}.",
            "A file has a syntax error: {what}.",
        ),
        tries=("Correct {place}",),
        near=r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+)",
        reach=6,
        rank=Rank.GENERAL + 1,
        unless=r"^Node\.js v|at Module\._compile|Module build failed|subprocess-exited-with-error",
    ),
)
