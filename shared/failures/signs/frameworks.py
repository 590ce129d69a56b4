"""Frameworks of front ends: adapters, templates, GraphQL, generated code."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "adapter-missing",
        r"NoAdapterInstalled|(?:[Cc]annot|can't) use .*(?:server|hybrid|server-rendered pages).* "
        r"without an adapter",
        r"(?:requires?|needs?|install|missing|without|no) (?:a |an |the )?(?:server |deployment "
        r")?adapter\b",
        r"Cannot find (?:module|package) '(?P<package>@(?:astrojs|sveltejs)/(?:node|vercel|"
        r"netlify|cloudflare|adapter-[\w-]+))'",
        r"[Aa]dapter .*(?:not (?:found|installed|specified)|is missing)|No adapter (?:specified|"
        r"installed|found)",
        title=(
            "The configuration names {package}, which is not installed.",
            "The site is set to server rendering, but no adapter is installed.",
        ),
        tries=(
            'Run "npm install {package}" and commit package.json and the lockfile',
            'Install an adapter, e.g. "npx astro add node", to render on a server',
            "Or set the output to static",
        ),
        rank=Rank.ROOT,
        unless=r"Could not detect a supported production environment",
    ),
    sign(
        "adapter-missing",
        r"Could not detect a supported production environment",
        title="The adapter for SvelteKit was not chosen: adapter-auto does not know this platform.",
        tries=(
            "Use @sveltejs/adapter-static for a static site, or @sveltejs/adapter-node for a "
            "server",
        ),
        warnings=True,
        rank=Rank.WEAK,
    ),
    sign(
        "graphql-error",
        r"Cannot query field \"(?P<field>[^\"]+)\" on type \"(?P<type>[^\"]+)\"",
        r"(?:There was an error in your GraphQL query|GraphQL ?(?:Document)?Error|GraphQL request "
        r"failed|Errors? (?:in|from) GraphQL)",
        r"Unknown (?:type|argument|fragment|directive) \"(?P<field>[^\"]+)\"(?: on field)?|Field "
        r"\"(?P<field2>[^\"]+)\" (?:of type|is not defined by type|must not have a selection)",
        r"ERROR #85\d{3}|GRAPHQL\.\w+|Unable to find any GraphQL (?:type definitions|documents)",
        r"Syntax Error: Expected Name|Unknown field '(?P<field>[^']+)' on type '(?P<type>[^']+)'",
        r"Variable \"\$\w+\" of (?:required )?type .* (?:was not provided|used in position)|"
        r"Expected type .* found null",
        title=(
            'A GraphQL query asks for the field "{field}", which {type} does not have.',
            'A GraphQL query asks for "{field}", which the schema does not have.',
        ),
        near=(
            r"Cannot query field \"(?P<field>[^\"]+)\" on type \"(?P<type>[^\"]+)\"",
            r"^File: (?P<file>\S+?)(?::\d+)*$",
        ),
        tries=('Correct "{field}" in the query', "Add it to the data source or the schema"),
        rank=Rank.CAUSE + 2,
    ),
    sign(
        "codegen-missing",
        r"did not initialize yet\. Please run \"?prisma generate|Prisma [Cc]lient .*(?:not "
        r"(?:been )?generated|could not locate)|prisma generate`? (?:to|first|before)",
        r"(?:Cannot find module|Can't resolve|Could not resolve|Cannot find package|Failed to "
        r"resolve(?: import)?|Cannot find type definition file for) "
        r"[\"'](?P<module>[^\"']*(?:\.prisma/client|generated/|/generated|__generated__|"
        r"contentlayer/generated|\.velite|/gql/graphql|styled-system/|\.nuxt/|\.svelte-kit/|"
        r"#site/content|paraglide/|\.astro/|_pb2?|_pb\.js|\.content-collections|relay/|"
        r"\.graphql\.ts)[^\"']*)[\"']",
        r"has no exported member '?(?P<name>PrismaClient)'?|Module '\"@prisma/client\"' has no "
        r"exported member",
        r"No module named '(?P<module>\w+_pb2(?:_grpc)?)'",
        r"(?:Query engine library|Query Engine) .*(?:could not be found|for current platform)|"
        r"could not locate the Query Engine",
        r"[Rr]un `?(?:npx )?(?P<command>nuxi? prepare|svelte-kit sync|prisma generate|"
        r"graphql-codegen|panda codegen|astro sync|react-router typegen|contentlayer build|"
        r"wayfinder:generate)`?",
        title=(
            "The generated code {module} is missing: it was not generated.",
            "The Prisma client was not generated.",
        ),
        tries=(
            'Add "{command}" to the build command, before the build',
            'Run the generator in the build command, e.g. "prisma generate && npm run build"',
            'Or add it as "postinstall" to package.json',
        ),
        rank=Rank.ROOT,
    ),
    sign(
        "template-error",
        r"filter not found: (?P<name>\w+)|[Yy]ou.re trying to use a layout that does not exist: "
        r"(?P<name2>\S+)",
        r"\[(?:plugin )?vite:vue\]|\[vue/compiler-sfc\]|Errors? compiling template|"
        r"VueCompilerError|Module (?:Error|build failed) \(from \S*vue-loader",
        r"v-else(?:-if)? (?:used on element|has no adjacent)|Element is missing end tag|Invalid "
        r"end tag",
        r"attempted to close an element that was not open|`?<\w+>`? (?:was left open|attempted to "
        r"close)|element_(?:invalid|unclosed)\w*|CompileError.*svelte|svelte\.dev/e/",
        r"(?:Template render error|Error: template not found|Unable to call `|unknown block tag|"
        r"unexpected token: |parseSignature|expected variable end)",
        r"(?:jinja2\.exceptions\.)?(?P<kind>TemplateSyntaxError|TemplateNotFound|"
        r"TemplateDoesNotExist|TemplateAssertionError|TemplateRuntimeError|UndefinedError)\b:? "
        r"?(?P<name>.*)",
        r"Liquid (?:Exception|error|syntax error)|undefined filter: (?P<name>\w+)|tag .* not "
        r"(?:found|closed)|ENOENT: Failed to lookup",
        r"execute of template failed|failed to (?:parse|render|extract) (?:template|shortcode|"
        r"page|pages)|error calling partial|partial \"[^\"]+\" not found|template for shortcode",
        r"Could not find (?:the )?(?:partial|include|layout|template|component) |The partial \S+ "
        r"could not be found|Missing helper: \"(?P<name>[^\"]+)\"",
        r"Attempted to resolve `(?P<name>[^`]+)`, which was expected to be a|\[CompilerError\]|"
        r"CompilerError: |UnknownCompilerError|Unable to (?:parse|render) .*\.(?:astro|njk|liquid|"
        r"hbs|ejs|pug)",
        r"(?:Failed to (?:render|compile) (?:template|component)|Error while (?:rendering|"
        r"compiling) template|Unable to find layout)",
        r"\.(?:pug|ejs|hbs|njk|liquid|jinja2?):\d+(?::\d+)?$|Error: .*\.(?:pug|ejs|hbs):\d+",
        r"Hexo.*(?:template|Nunjucks)|Nunjucks Error",
        title=(
            'A template uses "{name}", which does not exist or is not valid.',
            "{file} is not a valid template.",
            "A template or component is not valid.",
        ),
        near=(
            r"(?:file: |in |\()(?P<file>[\w@./-]+\.(?:vue|svelte|astro|njk|liquid|hbs|ejs|pug|"
            r"html|md|jinja2?))\b",
            r"filter not found: (?P<name>\w+)|layout that does not exist: (?P<name2>\S+)",
            r"\[11ty\] (?:\d\. )?(?!.*(?:Problem writing|Wrote|Copied|Benchmark))",
        ),
        tries=("Correct {file}", 'Add "{name}", or commit the file that has it'),
        reach=6,
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "template-error",
        r"Problem writing Eleventy templates|Error in (?:plugin|your) .*template",
        near=r"\[11ty\] (?!.*(?:Problem writing|Wrote|Copied|Benchmark))",
        rank=Rank.WRAPPER,
    ),
)
