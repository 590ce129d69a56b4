"""Variables that an app or a configuration needs and that are not set."""

from shared.failures.models import Rank, sign

_NAME = r"(?P<name>[A-Z][A-Z0-9]*_[A-Z0-9_]+|[A-Z]{3,}[A-Z0-9]*)"

SIGNS = (
    sign(
        "env-variable-missing",
        rf"KeyError: '{_NAME}'",
        rf"(?i:missing|required|undefined|unset|must (?:set|define|provide|specify)|need(?:s|ed)?|"
        rf"provide|specify|define|expected|invalid|empty|no value "
        rf"for)\b.{{0,60}}?(?i:env(?:ironment)?(?:[ -]?var(?:iable)?s?)?)\b\W*(?:\S+ "
        rf")??[`'\"]?{_NAME}?\b",
        rf"(?i:env(?:ironment)?[ -]?(?:var(?:iable)?s?)?)\b:? [`'\"$]*{_NAME}[`'\"]? (?i:is|was|"
        rf"are|not|must|has|does|could|should|missing|undefined)\b",
        rf"(?i:environment variable not found):? ?\(?[`'\"]?{_NAME}",
        rf"Failed to replace env in config: \$\{{{_NAME}\}}",
        rf"Set the {_NAME} environment variable",
        rf"{_NAME} not found\. Declare it as envvar",
        r"(?:bash|sh|line \d+|\d+): (?:line )?(?:\d+: )?(?P<name>[A-Z][A-Z0-9_]+): (?:unbound "
        r"variable|parameter (?:null or )?not set)",
        r"Invalid environment variables|Missing environment variables?|Environment validation "
        r"(?:failed|error)|Config validation error: \"?(?P<name>[A-Z][A-Z0-9_]+)?|"
        r"env(?:ironment)? (?:schema )?validation",
        r"\"(?P<name>[A-Z]\w+)\" is not exported by \"(?:virtual:env|\$env)/",
        r"Field required \[type=missing, input_value=\{\}, input_type=dict\]",
        r"validation errors? for (?:\w*Settings|\w*Config)\b|required key (?P<name>[A-Z]\w+) "
        r"missing value",
        r"^(?:\w*Error: )?(?:supabase(?:Url|Key)|projectId|apiKey|accessToken|API key|Missing API "
        r"key|The (?P<name>[A-Z]\w+) environment variable is missing|Neither apiKey "
        r"nor).*(?:required|missing|must|empty|provided|contain)",
        r"process\.env\.(?P<name>[A-Z][A-Z0-9_]*)\b.{0,40}(?:undefined|not (?:set|defined)|"
        r"missing|required|empty)|(?:undefined|not set|missing|"
        r"required).{0,40}process\.env\.(?P<name2>[A-Z][A-Z0-9_]*)",
        r"(?:Error|error|panic|FATAL|fatal)\W.*\$(?P<name>[A-Z][A-Z0-9_]+) (?:must be|is not|not|"
        r"is)\b.*(?:set|defined|empty)",
        r"Can't find environment variable|EnvVarError|EnvError|UndefinedValueError|MissingEnv\w*|"
        r"dotenv.*MissingEnvVarsError",
        title=(
            "The variable {name} is not set.",
            "A variable that the app needs is not set.",
        ),
        near=(
            rf"^\W*{_NAME}\b\W*(?:\[? ?'?(?:Required|required|Missing|undefined|Invalid input)|: )",
            rf"{_NAME}: \[ '(?:Required|Invalid)",
            r"(?i)Field required",
        ),
        reach=6,
        tries=(
            "Add {name} to the variables of the project, for the build too if it is read there",
            "Give it a default in the code",
        ),
        rank=Rank.CAUSE + 2,
        unless=r"SECRET_KEY setting must not be empty|ERR_SOCKET_BAD_PORT",
    ),
    sign(
        "env-variable-missing",
        rf"[`'\"]?\b{_NAME}\b[`'\"]? ?(?i:(?:environment |env )?(?:variable|var)?)s? ?(?i:is|are|"
        rf"was|has|must|should|needs|required|not|missing)\b.{{0,30}}(?i:set|missing|required|"
        rf"defined|undefined|empty|provided|present|configured|specified|found|a string)\b",
        title="The variable {name} is not set.",
        tries=(
            "Add {name} to the variables of the project, for the build too if it is read there",
        ),
        rank=Rank.CAUSE + 2,
        # Within the install script of a package it is that script which failed.
        unless=r"SECRET_KEY setting must not be empty|node_modules/\S+: Command failed|npm "
        r"(?:ERR!|error) command failed|postinstall: ",
    ),
)
