"""webpack, Vite, Rollup, esbuild, Rspack, Turbopack, Parcel: configuration, not code."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "loader-missing",
        r"You may need an (?:appropriate|additional) loader to handle",
        r"No loader is configured for \"(?P<kind>\.\w+)\" files",
        r"Note that you need (?:@\S+|a? ?plugins?) to import",
        r"make sure to name the file with the \.jsx or \.tsx extension|you may need to install "
        r"appropriate plugins to handle the (?P<kind>\.\w+) file",
        r"Install (?P<package>@vitejs/\S+|@sveltejs/\S+) to handle (?P<kind>\.\w+) files",
        r"ERR_UNKNOWN_FILE_EXTENSION|Unknown file extension \"(?P<kind>\.\w+)\"",
        r"Unknown module type|No transformers? found for (?P<file>\S+)|The loader \S+ (?:is not|"
        r"isn't) installed",
        r"(?:Can't resolve|Cannot find module|Failed to resolve) '(?P<package>(?!sass|less|stylus|"
        r"pug|postcss)[\w-]+-loader|@parcel/(?:transformer|packager)-(?!sass|less|stylus)[\w-]+|"
        r"@vitejs/plugin-[\w-]+|vue-loader)'",
        r"JSX syntax (?:is|extension) (?:not |is not )?(?:currently )?(?:enabled|disabled)|"
        r"Support for the experimental syntax '(?P<kind>\w+)' isn't currently enabled",
        r"The JSX syntax extension is not currently enabled|Missing loader for extension",
        title=(
            "{package} is missing, which handles a kind of file the code imports.",
            "The bundler has no rule for {kind} files.",
            "The bundler has no loader for the content of {file}.",
        ),
        near=r"(?:ERROR in |file: |@ )(?P<file>(?:\./|/)[\w@./-]+\.\w+)",
        tries=(
            'Run "npm install -D {package}" and commit',
            "Install the loader or plugin for such files and add a rule for them",
        ),
        reach=8,
        rank=Rank.SPECIFIC,
    ),
    sign(
        "preprocessor-missing",
        r"Preprocessor dependency \"(?P<package>[^\"]+)\" not found",
        r"(?:Cannot find (?:module|package)|Can't resolve|Failed to resolve|Could not (?:resolve|"
        r"find)|Cannot resolve(?: module)?) [\"'](?P<package>sass|sass-embedded|node-sass|less|"
        r"stylus|pug|sass-loader|less-loader|stylus-loader|pug-loader|pug-plain-loader|"
        r"@parcel/transformer-(?:sass|less|stylus))[\"']",
        r"To use Next\.js' built-in Sass support, you first need to install `(?P<package>sass)`",
        r"(?:install|need|requires?|missing|find) .*(?:`|'|\")?(?P<package>sass-embedded|"
        r"node-sass|sass|less|stylus)(?:`|'|\")? (?:to (?:use|compile|import|handle)|"
        r"implementation|preprocessor|first|package|dependency)",
        r"preprocess(?:or)? .*(?:lang=\"|language )(?P<kind>scss|sass|less|stylus|pug)|no "
        r"preprocessor .*(?P<kind2>scss|sass|less|stylus|pug)",
        r"Cannot find any of Sass implementations?|Cannot find a Sass (?:compiler|implementation)",
        title=(
            "The site needs {package}, which is not installed.",
            "The site uses {kind}, whose preprocessor is not installed.",
        ),
        tries=('Run "npm install -D {package}" and commit package.json and the lockfile',),
        rank=Rank.SPECIFIC + 2,
    ),
    sign(
        "postcss-config",
        r"trying to use `tailwindcss` directly as a PostCSS plugin",
        r"(?:Failed to load|Loading|Invalid|Error loading) PostCSS (?:[Cc]onfig|Plugin|"
        r"[Cc]onfiguration)",
        r"PostCSS plugin (?P<plugin>\S+) requires PostCSS \d|is not a PostCSS plugin|Invalid "
        r"PostCSS Plugin",
        r"Cannot apply unknown utility class|The `[^`]+` class does not exist",
        r"Your custom PostCSS configuration must export|Malformed PostCSS Configuration|A PostCSS "
        r"Plugin was passed as a",
        r"(?:\[postcss\]|postcss).*(?:Cannot find module|plugin .*not found|Cannot use)",
        r"(?:Cannot find module|Can't resolve|Could not resolve|Cannot find package) "
        r"'(?P<plugin>autoprefixer|postcss-[\w-]+|@tailwindcss/[\w-]+|tailwindcss(?:/[\w-]+)?|"
        r"cssnano)'",
        r"@layer [`\"']?\w+[`\"']? is used but no matching `?@tailwind|Can't resolve 'tailwindcss'",
        title=(
            "The PostCSS configuration names {plugin}, which is missing or of another version.",
            "Tailwind CSS 4 can no longer be used as a PostCSS plugin by its own name.",
        ),
        tries=(
            "With Tailwind CSS 4 name @tailwindcss/postcss in the PostCSS configuration, or use "
            "@tailwindcss/vite",
            "Install every plugin that the PostCSS configuration names",
        ),
        rank=Rank.SPECIFIC + 3,
        unless=r"Cannot find (?:module|package) '(?!autoprefixer|postcss|@tailwind|tailwind|"
        r"cssnano)",
    ),
    sign(
        "budget-exceeded",
        r"exceeded maximum budget|budget .*was (?:not met|exceeded)",
        r"(?:asset|entrypoint) size limit: .*exceed|exceed(?:s|ed)? the (?:recommended )?size "
        r"limit.*(?:error)|bundle ?(?:size|watch).*(?:exceed|too large|fail)",
        r"(?:ERROR|error).*(?:asset|entrypoint)s? size limit",
        r"Package size limit has exceeded|Edge Function .* size is .* and your plan size limit",
        title=(
            "A bundle is larger than the limit of {limit} set for it.",
            "A bundle is larger than the limit set for it.",
        ),
        near=r"Budget (?P<limit>[\d.]+ ?\wi?B) was",
        tries=(
            "Load parts of the app lazily or remove large packages",
            'Raise "maximumError" in the budgets of angular.json, or the limit of the tool named',
        ),
        rank=Rank.CAUSE,
    ),
    sign(
        "incompatible-versions",
        r"requires (?:TypeScript|typescript) .* but .* was found",
        r"This version of (?:the )?(?:Angular )?CLI is only compatible with|(?:Vue|vue) packages "
        r"version mismatch|is not compatible with (?:the )?(?:installed|current) version",
        r"Requires Babel \"|Cannot read propert(?:y|ies) of undefined \(reading "
        r"'(?:ReactCurrentDispatcher|ReactCurrentOwner|ReactCurrentBatchConfig|"
        r"recentlyCreatedOwnerStacks|tapPromise|tap|getStats)'\)",
        r"(?:this\.getOptions|compiler\.plugin|loaderContext\.getOptions|compilation\.\w+|"
        r"getCompilationHooks|this\.\w+\.tap) is not a function",
        r"Package subpath '(?P<subpath>[^']+)' is not defined by \"exports\"|"
        r"ERR_PACKAGE_PATH_NOT_EXPORTED|Missing \"(?P<subpath2>[^\"]+)\" specifier in "
        r"\"(?P<module>[^\"]+)\" package|is not exported under the conditions?|not exported from "
        r"package",
        r"has been initialized using an options object that does not match the API schema|Invalid "
        r"(?:options|configuration) object",
        r"[Cc]onflicting versions|incompatible (?:version|with (?:this|the) version)s?|"
        r"[Vv]ersions? (?:are|is) (?:not compatible|incompatible)|[Vv]ersion mismatch",
        r"requires (?:nuxt|vite|webpack|react|vue|svelte|next|astro|rollup|eslint|typescript)[@ "
        r"]v?[\d^~>=]\S* .*(?:but|found|installed|have)",
        r"Module `?\S+`? is (?:disabled|not compatible) .*version|Hydration completed but "
        r"contains mismatches \(version\)",
        title=(
            "{module} was installed in a version that does not go with the others.",
            "Two packages were installed in versions that do not work together.",
        ),
        rank=Rank.GENERAL + 4,
    ),
)
