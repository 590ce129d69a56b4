"""Hosts that do not answer, registries that refuse, and dependencies that come by git."""

from shared.failures.models import Rank, sign

_CODES = (
    "ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT|ESOCKETTIMEDOUT"
    "|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_CLOSED|SELF_SIGNED_CERT_IN_CHAIN|CERT_HAS_EXPIRED"
    "|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|ERR_TLS\\w*|EPROTO"
    "|ECONNABORTED|ERR_INVALID_URL"
)

SIGNS = (
    sign(
        "network-unreachable",
        rf"npm (?:ERR!|error) (?:code|errno) (?:{_CODES})\b",
        r"npm (?:ERR!|error) network request to (?P<url>\S+) failed",
        rf"An unexpected error occurred: \"(?P<url>[^\"]*?): .*(?:{_CODES}|getaddrinfo|tunneling "
        rf"socket)",
        r"YN0001:.*RequestError|YN0001:.*(?:getaddrinfo|connect E)",
        r"ERR_PNPM_META_FETCH_FAIL|ERR_PNPM_FETCH_(?:5\d\d|FAIL)",
        rf"(?:GET|request to) (?P<url>\S+) (?:error \(|failed, reason: .*)(?:{_CODES})",
        r"error: (?:ConnectionRefused|FailedToOpenSocket|ConnectionClosed|Timeout|UnknownHostname|"
        r"DNSResolveFailed|TooManyRedirects) (?:downloading|fetching)",
        title=(
            "The host {host} could not be reached.",
            "The package registry could not be reached.",
        ),
        near=(
            r"(?:getaddrinfo \w+|connect \w+|host) (?P<host>[\w.-]+\.\w+)",
            r"https?://(?P<host>[\w.-]+)",
            r"npm (?:ERR!|error) network|(?:getaddrinfo|connect) E[A-Z_]+",
        ),
        tries=(
            "Correct the registry address in .npmrc",
            "Deploy again: it may be a passing fault",
        ),
        rank=Rank.SPECIFIC,
        installing=True,
    ),
    sign(
        "network-unreachable",
        r"(?:Failed to establish a new connection|Temporary failure in name resolution|"
        r"Name or service not known|Network is unreachable|Max retries exceeded|"
        r"Read timed out\.|Connection timed out|Connection reset by peer|ProxyError|"
        r"SSLCertVerificationError)"
        r".*(?:/simple/|HTTPS?Connection|pip|pypi|host=)",
        r"HTTPS?ConnectionPool\(host='(?P<host>[\w.-]+)'",
        r"Could not fetch URL (?P<url>\S+): (?:There was a problem|connection error|timeout)",
        r"pip\._vendor\.urllib3\.exceptions\.\w*(?:Timeout|Connection)\w*",
        r"error sending request for url \((?P<url>[^)]*)\)|dns error: failed to lookup address",
        r"The repository located at (?P<host>\S+) is not a trusted or secure host and is being "
        r"ignored",
        r"All attempts to connect to (?P<host>[\w.-]+) failed",
        title=(
            "The host {host} could not be reached.",
            "The package index could not be reached.",
        ),
        near=(r"host='(?P<host>[\w.-]+)'", r"https?://(?P<host>[\w.-]+)"),
        tries=("Correct the address of the index", "Deploy again: it may be a passing fault"),
        rank=Rank.SPECIFIC,
        warnings=True,
        installing=True,
        unless=r"^(?:INFO:|\[\d{4}.*Booting worker)",
    ),
    sign(
        "network-unreachable",
        r"(?:Could not|Couldn't) resolve host(?:name)?:? '?(?P<host>[\w.-]+)",
        r"Temporary failure (?:in name resolution|resolving '(?P<host>[^']*)')",
        r"dial tcp(?: [\d.:\[\]]+)?:? (?:lookup (?P<host>[\w.-]+)|.*i/o timeout|.*no route to "
        r"host)",
        r"Failed to (?:fetch|connect to) (?:https?://)?(?P<host>[\w.-]+)(?: port \d+|"
        r"/\S*).*(?:timed out|refused|resolv|connect)",
        r"(?:fetch https?://(?P<host>[\w.-]+)\S*:? )?temporary error \(try again later\)",
        r"wget: (?:bad address|unable to resolve host address|can't connect)",
        r"Could not connect to (?P<host>[\w.-]+):\d+ \(",
        title=("The host {host} could not be reached.",),
        unless=r"initializing source docker://|pinging container registry|(?:Trying to pull|load "
        r"metadata for) ",
        installing=True,
    ),
    sign(
        "network-unreachable",
        rf"\b(?:getaddrinfo|connect|read|socket) (?:{_CODES})\b",
        r"(?:java\.net\.|socket\.)?(?:gaierror|UnknownHostException): ",
        title=("The host {host} could not be reached.",),
        near=r"(?:getaddrinfo \w+|connect \w+) (?P<host>[\w.-]+)",
        rank=Rank.WEAK + 5,
    ),
    sign(
        "private-package-401",
        r"npm (?:ERR!|error) code (?:E401|E403|ENEEDAUTH)\b",
        r"npm (?:ERR!|error) (?P<status>40[13]) (?:Unauthorized|Forbidden)",
        r"(?:Unable to authenticate, (?:need|your)|Incorrect or missing password|need auth This "
        r"command requires)",
        title=(
            "The token may not read the private package {module} (403).",
            "The registry refused the private package {name}: no valid token was sent.",
            "The registry refused the private package: no valid token was sent, or one that may "
            "not read it.",
        ),
        near=(
            r"(?:E?403|Forbidden).*(?:GET|PUT) https?://[^/ ]+/(?P<module>@?[\w.-]+(?:(?:/|"
            r"%2[fF])[\w.-]+)?)",
            r"(?:E?401|Unauthorized).*(?:GET|PUT) https?://[^/ ]+/(?P<name>@?[\w.-]+(?:(?:/|"
            r"%2[fF])[\w.-]+)?)",
            r"npm (?:ERR!|error) 40[13]\b",
        ),
        tries=(
            'Add NPM_TOKEN as a secret variable and "//HOST/:_authToken=${{NPM_TOKEN}}" to .npmrc',
            "Check that the token has not expired and may read the package",
        ),
        rank=Rank.SPECIFIC + 1,
    ),
    sign(
        "private-package-401",
        r"YN0041:(?: │)? (?P<name>@?[\w./-]+)@\S+: Invalid auth",
        r"YN00(?:41|35):.*(?:Invalid authentication|Response Code: 40[13])",
        r"ERR_PNPM_FETCH_40[13]\W+GET https?://[^/ ]+/(?P<name>[^:\s]+):",
        r"ERR_PNPM_FETCH_40[13]",
        r"Request failed \"40[13] (?:Unauthorized|Forbidden)\"",
        r"(?:GET|PUT) (?P<url>https?://\S+) - 40[13]\b",
        title=("The registry refused the private package {name}.",),
        rank=Rank.SPECIFIC + 1,
        installing=True,
    ),
    sign(
        "private-package-401",
        r"(?:HTTP error )?40[13] (?:Client )?Error(?:, Credentials not correct)?:? .*(?:url|http)",
        r"HTTP error 40[13] while getting (?P<url>\S+)",
        r"HTTP status client error \(40[13] (?:Unauthorized|Forbidden)\)",
        r"^User for [\w.:-]+: ",
        r"(?:Authentication|Authorization) error accessing https?://|Missing credentials for "
        r"https?://",
        r"an index (?:server )?.*could not be queried due to (?:a lack of valid authentication|"
        r"unauthorized)",
        title="The package index refused access: no valid credentials were sent.",
        tries=(
            "Add the credentials as secret variables and use them in the index address",
            "Check that they have not expired",
        ),
        rank=Rank.SPECIFIC + 1,
        warnings=True,
    ),
    sign(
        "git-dependency",
        r"fatal: (?:Authentication failed for|could not read (?:Username|Password) for) "
        r"'(?P<url>[^']*)'?",
        r"fatal: (?:Could not read from remote repository|repository '(?P<url>[^']*)' not found|"
        r"unable to access '(?P<url2>[^']*)')",
        r"(?:Permission denied \(publickey|Host key verification failed|remote: Repository not "
        r"found)",
        r"Cannot find command 'git'|(?:spawn git ENOENT|git: (?:command )?not found|git "
        r"executable not found)",
        r"npm (?:ERR!|error) (?:An unknown git error occurred|fatal: |git dep preparation failed)",
        r"(?:YN00\d\d:.*|error )?Failed (?:listing refs|cloning the repository)|Couldn't find "
        r"match for \"(?P<ref>[^\"]+)\" in \"",
        r"(?:Git operation failed|failed to (?:clone|fetch) (?:into|repository|branch|tag|commit))",
        r"error: InstallFailed cloning repository|error: \"git clone\" for \"",
        r"did not match any file\(s\) known to git|Failed to clone (?P<url3>\S+), check your git "
        r"configuration",
        r"(?:subprocess-exited-with-error|error: .*)?git (?:clone|ls-remote|fetch)\b.* did not "
        r"run successfully",
        r"The command \"?git clone.* (?:failed|exited)|Could not resolve (?:ref|reference).* git",
        title=(
            "A dependency is fetched with git from {url}, and that failed.",
            "A dependency is fetched with git, and git is not on the build machine.",
            "A dependency is fetched with git, and that failed.",
        ),
        near=(
            r"(?:git .*)?(?:ls-remote|clone).* (?P<url>(?:https?|ssh|git)://[^\s']+|git@[^\s']+)",
            r"fatal: (?:Authentication|could not|repository|Could not)",
            r"(?P<url>git\+(?:https|ssh)://[^\s']+)",
        ),
        rank=Rank.SPECIFIC + 2,
        installing=True,
    ),
)
