"""Node versions that do not fit: what tools say, and what breaks without a word about it."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "node-too-old",
        r"npm (?:ERR!|error) code EBADENGINE",
        r"npm (?:ERR!|error) (?:notsup |engine )?(?:Not compatible|Unsupported engine)",
        r"ERR_PNPM_UNSUPPORTED_ENGINE",
        r"(?:The engine \"node\" is incompatible with this module)",
        r"(?i)node(?:\.js)?(?: version)? v?(?P<got>\d+[\d.]*) is not supported (?:by|for|in) "
        r"(?P<tool>\w+)",
        r"(?i)^(?!you are using).*?(?P<tool>\w[\w.]*(?: \w+)?) requires (?:a minimum "
        r")?node(?:\.js)?(?: version)?(?: of)?:? (?:v?(?P<wanted>[\d.^>=]\S*)|version)",
        r"(?i)^(?!you are using).*requires (?:at least )?node(?:\.js)? (?:version )?(?:>=? "
        r"?)?v?(?P<wanted>\d[\d.]*)",
        r"(?i)(?:unsupported|outdated|incompatible) node(?:\.js)? version",
        r"(?i)node(?:\.js)?(?: version)?:? v?(?P<got>\d[\d.]*) (?:detected|is (?:too old|not "
        r"supported|unsupported|no longer supported|incompatible|outdated))",
        r"(?i)minimum node(?:\.js)? version|node(?:\.js)? version (?:must be|should be|>=|is "
        r"required)|you are using node.*required",
        r"(?i)^(?!you are using).*\b(?:needs|need|requires?|expected|install|upgrade to|update "
        r"to) node(?:\.js)? ?(?:version)? ?(?:>=|v|at least |\^)? ?(?P<wanted>\d+)",
        r"(?i)your (?:current )?(?:version of )?node(?:\.js)?(?: version)? (?:is |"
        r"\()?v?(?P<got>\d[\d.]*)",
        r"(?i)(?:does not|doesn't) support node(?:\.js)? ?v?(?P<got>\d*)",
        r"(?i)Error: (?P<tool>\w+) (?:does not support|only supports) (?:your version of )?Node",
        title=(
            "{tool} does not support Node {got}.",
            "The project asks for Node {wanted}; the build has Node {got}.",
            "The project or a package asks for Node {wanted}, which the build does not have.",
        ),
        near=(
            r"(?i)(?:required|wanted|expected version|required:?|requires).*?(?P<wanted>(?:>=|\^|"
            r"~|<|v)? ?\d[\dx.]*(?: ?\|\| ?[^\"']+)?)",
            r"(?i)(?:\bgot|current|actual|your version|detected).*?v?(?P<got>\d+\.\d+\.\d+)",
            r"Not compatible with your version of node",
            r"(?i)^Expected version",
        ),
        tries=(
            "Select Node {wanted} in the project settings or in .nvmrc",
            "Select a Node version that fits in the project settings or in .nvmrc",
            'Relax "engines.node" in package.json',
        ),
        reach=12,
        rank=Rank.ROOT + 1,
        unless=r"error: error:0308010C",
    ),
    sign(
        # Vite and others say it and go on: an error with a cause of its own counts more.
        "node-too-old",
        r"(?i)you are (?:using|running) node(?:\.js)? v?(?P<got>\d[\d.]*).*(?:requires?|need|"
        r"upgrade|support)",
        title="{tool} needs a newer Node than {got}.",
        near=r"(?P<tool>\w[\w.]*) requires Node",
        reach=2,
        tries=("Select a newer Node version in the project settings or in .nvmrc",),
        rank=Rank.GENERAL + 8,
    ),
    sign(
        "node-too-old",
        r"SyntaxError: Unexpected (?:token|identifier) '?(?:\?\?=|\|\|=|&&=|\?\?|\?\.|\?|#\w*|"
        r"with|\.)'?$",
        r"(?:ReferenceError|Error): (?:structuredClone|fetch|Headers|Request|Response|"
        r"ReadableStream|File|Blob|FormData|CustomEvent|navigator|WebSocket|TransformStream|"
        r"AbortController) is not defined",
        r"\b(?:crypto\.hash|crypto\$?\d*\.getRandomValues|\w+\.(?:toReversed|toSorted|toSpliced|"
        r"findLast|findLastIndex|replaceAll|at|hasOwn|groupBy|withResolvers|flatMap)|"
        r"Object\.(?:hasOwn|groupBy)|Promise\.(?:withResolvers|any|try)|Array\.fromAsync|"
        r"import\.meta\.resolve|util\.(?:styleText|parseArgs|stripVTControlCharacters)|"
        r"fs\.(?:glob|cp)(?:Sync)?|Set\.\w+|process\.(?:loadEnvFile|getBuiltinModule)|"
        r"URL\.(?:canParse|parse)|AbortSignal\.(?:any|timeout)|path\.matchesGlob) is not a "
        r"function",
        r"No such built-in module: node:(?P<builtin>\w+)|Cannot find module "
        r"'node:(?P<builtin2>\w+)'",
        r"The requested module '(?:node:)?(?:util|fs|fs/promises|crypto|module|path|process|os|"
        r"url|events|stream|timers/promises|test|readline/promises|worker_threads|v8|http|"
        r"perf_hooks)' does not provide an export named '(?P<name>\w+)'",
        r"bad option: (?P<option>--(?:experimental|env-file|import|watch|no-experimental|"
        r"strip)\S*)|node: (?P<option2>--\S+) is not allowed in NODE_OPTIONS",
        r"ERR_UNKNOWN_BUILTIN_MODULE",
        title="The code or a package uses something that this Node version does not have yet.",
        tries=("Select a newer Node version in the project settings or in .nvmrc",),
        near=(r"^Node\.js v(?P<got>\S+)", r"/node_modules/(?P<module>@?[\w.-]+(?:/[\w.-]+)?)/"),
        rank=Rank.CAUSE,
    ),
    sign(
        "openssl-legacy",
        r"error:0308010C:digital envelope routines|ERR_OSSL_EVP_UNSUPPORTED",
        rank=Rank.ROOT + 2,
    ),
)
