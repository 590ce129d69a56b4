"""TypeScript, its configuration, and ESLint where a build stops on it."""

from shared.failures.models import Rank, sign

_FILE = r"(?P<file>[\w@./\[\]()$+-]+\.(?:[cm]?tsx?|vue|svelte|astro|html|jsx?))"

SIGNS = (
    sign(
        "typescript-error",
        rf"{_FILE}(?::|\()(?P<line>\d+)[:,]\d+\)?:?(?: -)? ?(?:error|Error)\b:?(?: TS| ts\(|\.? "
        rf"NG)",
        r"\berror TS(?!5\d{3}|6053|6059|6306|6310|1800\d|2307|1261|1149|1378)\d+:",
        r"Type error: (?!Cannot find module)",
        r"\[ERROR\] (?:TS|NG)-?(?!2307)\d+:",
        r"^(?:ERROR in \S+\s+)?(?:.*\[tsl\] ERROR|TS(?!2307|5\d{3}|1800\d|6053|1261|"
        r"1149)\d{4,5}(?: \(TS\))?: )",
        r"\berror +(?:in \S+ +)?TS\d+|\(ts(?:\(\d+\))?\)$|error ts\((?!2307)\d+\)",
        r"(?:error|Error) (?:NG|TS-99)\d+:",
        r"^\d+ errors? .*(?:svelte-check|tsc)|svelte-check found [1-9]\d* error",
        r"error during build.*\[vite-plugin-(?:dts|checker)\]|\[plugin:? ?typescript\]|"
        r"@rollup/plugin-typescript TS\d+",
        title=(
            "TypeScript found {count} errors, the first in {file} line {line}.",
            "TypeScript found an error in {file} line {line}.",
            "TypeScript found {count} errors.",
            "TypeScript found an error.",
        ),
        near=(rf"^(?:\./)?{_FILE}(?::|\()(?P<line>\d+)", r"^Failed to compile"),
        tries=(
            "Correct the type at {place}",
            'Run "npx tsc --noEmit" on your machine before you push',
        ),
        most=6,
        reach=6,
        rank=Rank.GENERAL + 2,
    ),
    sign(
        "tsconfig-error",
        r"\bTS(?:18003|18002|5\d{3}|6053|6059|6306|6310|17004):",
        r"TSConfckParseError|failed to resolve \"extends\":\"?(?P<what>[^\"]*)|(?:Failed|Error|"
        r"Unable|Cannot|Could not) (?:to )?(?:parse|parsing|read|load|find)(?: the)?(?: file)? "
        r"?:?[\"'`]?\S*tsconfig[\w.]*\.json",
        r"[Cc]annot (?:find|read) (?:base config file|file) [\"']?\S*tsconfig|tsconfig\S* (?:not "
        r"found|does not exist|is invalid)",
        r"No inputs were found in config file|Unknown compiler option|The specified path does not "
        r"exist: '\S*tsconfig",
        title=(
            "The TypeScript configuration does not work: {what}.",
            "tsconfig.json names files that do not exist.",
        ),
        near=r"include' paths were '(?P<include>[^']*)'",
        rank=Rank.CAUSE + 2,
        tries=('Correct "include", "extends" and the options in tsconfig.json',),
    ),
    sign(
        "eslint-error",
        r"Treating warnings as errors because process\.env\.CI",
        title="The build treats warnings as errors in CI, and ESLint found some.",
        tries=(
            "Correct the warnings at the lines named",
            'Or set the build command to "CI=false npm run build"',
        ),
        near=(
            r"^Line \d+:\d+: ",
            r"^Line \d+:\d+: .*(?<!no-unused-vars)$",
            r"react-hooks/exhaustive-deps$",
        ),
        rank=Rank.CAUSE,
        warnings=True,
    ),
    sign(
        "eslint-error",
        r"^(?P<line>\d+):\d+ +(?:[Ee]rror|ERROR)\b:? .*\s(?:@?[\w-]+/)*[\w-]+$",
        r"^Line (?P<line>\d+):\d+: .*\s(?:@?[\w-]+/)*[\w-]+$",
        r"(?:Module (?:Error|Warning) \(from \S*eslint-loader\S*\)|\[eslint\] |Failed to load "
        r"(?:plugin|parser|config) '.*(?:declared in|referenced from)|ESLint couldn't)",
        r"✖ [1-9]\d* problems? \([1-9]\d* errors?",
        r"\[ESLint\]|eslint-webpack-plugin|ESLintError:|vite-plugin-eslint",
        r"ESLint found too many warnings \(maximum: \d+\)|ESLint: (?:Failed|.*error)",
        r"^\S+\.[jt]sx?:\d+:\d+: .*\[(?:Error|error)/[\w/@-]+\]|lint(?:ing)? (?:errors? found|"
        r"failed)",
        r"(?:Lint(?:ing)?|eslint).*(?:found|with) [1-9]\d* errors?|Lint errors found in the "
        r"listed files",
        title=("ESLint found errors, and the build stops on them.",),
        near=(
            r"^Failed to compile",
            rf"^(?:\./)?{_FILE}$",
        ),
        tries=(
            "Correct the lines named",
            "Or do not let the build stop on them, e.g. eslint.ignoreDuringBuilds in next.config",
        ),
        most=5,
        rank=Rank.CAUSE - 1,
        unless=r"Treating warnings as errors",
    ),
)
