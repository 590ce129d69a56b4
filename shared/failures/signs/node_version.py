"""Node versions that do not fit: what tools say, and what breaks without a word about it."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "node-too-old",
        r"npm (?:ERR!|error) code EBADENGINE",
        r"npm (?:ERR!|error) (?:notsup |engine )?(?:Not compatible|Unsupported engine)",
        r"ERR_PNPM_UNSUPPORTED_ENGINE",
        r"(?:The engine \"node\" is incompatible with this module)",
        r"(?i)node(?:\.js)?(?: version)? v?(?P<got>\d+[\d.]*) is not supported (?:by|for|in) (?P<tool>\w+)",
        r"(?i)you are (?:using|running) node(?:\.js)? v?(?P<got>\d[\d.]*)",
        r"(?i)(?P<tool>\w[\w .]*?) requires (?:a minimum )?node(?:\.js)?(?: version)?(?: of)?:? (?:v?(?P<wanted>[\d.^>=]\S*)|version)",
        r"(?i)requires (?:at least )?node(?:\.js)? (?:version )?(?:>=? ?)?v?(?P<wanted>\d[\d.]*)",
        r"(?i)(?:unsupported|outdated|incompatible) node(?:\.js)? version",
        r"(?i)node(?:\.js)?(?: version)?:? v?(?P<got>\d[\d.]*) (?:detected|is (?:too old|not supported|unsupported|no longer supported|incompatible|outdated))",
        r"(?i)minimum node(?:\.js)? version|node(?:\.js)? version (?:must be|should be|>=|is required)",
        r"(?i)(?:needs|need|requires?|expected|install|upgrade to|update to) node(?:\.js)? ?(?:version)? ?(?:>=|v|at least |\^)? ?(?P<wanted>\d+)",
        r"(?i)your (?:current )?(?:version of )?node(?:\.js)?(?: version)? (?:is |\()?v?(?P<got>\d[\d.]*)",
        r"(?i)(?:does not|doesn't) support node(?:\.js)? ?v?(?P<got>\d*)",
        r"(?i)Error: (?P<tool>\w+) (?:does not support|only supports) (?:your version of )?Node",
        title=(
            "{tool} does not support Node {got}.",
            "The project asks for Node {wanted}; the build has Node {got}.",
            "The project or a package asks for Node {wanted}, which the build does not have.",
        ),
        near=(
            r"(?i)(?:required|wanted|expected version|required:?|requires).*?(?P<wanted>(?:>=|\^|~|<|v)? ?\d[\dx.]*(?: ?\|\| ?[^\"']+)?)",
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
        "node-too-old",
        r"SyntaxError: Unexpected (?:token|identifier) '?(?:\?\?=|\|\|=|&&=|\?\?|\?\.|\?|#\w*|with|\.)'?$",
        r"(?:ReferenceError|Error): (?:structuredClone|fetch|Headers|Request|Response|ReadableStream|File|Blob|FormData|CustomEvent|navigator|WebSocket|TransformStream|AbortController) is not defined",
        r"\b(?:crypto\.hash|crypto\$?\d*\.getRandomValues|\w+\.(?:toReversed|toSorted|toSpliced|findLast|findLastIndex|replaceAll|at|hasOwn|groupBy|withResolvers|flatMap)|Object\.(?:hasOwn|groupBy)|Promise\.(?:withResolvers|any|try)|Array\.fromAsync|import\.meta\.resolve|util\.(?:styleText|parseArgs|stripVTControlCharacters)|fs\.(?:glob|cp)(?:Sync)?|Set\.\w+|process\.(?:loadEnvFile|getBuiltinModule)|URL\.(?:canParse|parse)|AbortSignal\.(?:any|timeout)|path\.matchesGlob) is not a function",
        r"No such built-in module: node:(?P<builtin>\w+)|Cannot find module 'node:(?P<builtin2>\w+)'",
        r"The requested module '(?:node:)?(?:util|fs|fs/promises|crypto|module|path|process|os|url|events|stream|timers/promises|test|readline/promises|worker_threads|v8|http|perf_hooks)' does not provide an export named '(?P<name>\w+)'",
        r"bad option: (?P<option>--(?:experimental|env-file|import|watch|no-experimental|strip)\S*)|node: (?P<option2>--\S+) is not allowed in NODE_OPTIONS",
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
