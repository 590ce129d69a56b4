"""Apps that start and stop: ports, databases, rejections, and processes that simply end."""

from shared.failures.models import Rank, sign

_DB_PORTS = (
    r"(?:5432|5433|6432|3306|3307|6379|6380|27017|27018|1433|1521|5672|9042|9200|26257|11211|8529|"
    r"7687)"
)
_LISTENS = (
    r"(?i)(?:listening|running|started|available|ready|serving|served|live|up|local|network|open|"
    r"visit|accepting connections|uvicorn running|development server)\b[^\n]{0,60}?"
    r"(?:(?:port|on|at|:)\D{0,12}|https?://[\w.\[\]:-]+?:|(?:0\.0\.0\.0|127\.0\.0\.1|localhost|"
    r"\[::\]?\]?):|:)"
    r"(?P<port>\d{2,5})\b(?!\.\d)"
)
_ELSEWHERE = (
    "The server listens on port {port} and not on the port in the variable PORT, or not "
    "on all addresses, so no request reaches it.",
)
_LISTEN_RIGHT = (
    "Listen on the port in the variable PORT, e.g. process.env.PORT || {port}",
    "Listen on 0.0.0.0 and not on 127.0.0.1 or localhost",
)

SIGNS = (
    sign(
        "port-in-use",
        r"EADDRINUSE(?::? address already in use)?:? ?(?P<address>[^\s\"']+)?",
        r"(?i)address already in use|Only one usage of each socket address|\[Errno (?:98|48)\]",
        r"Connection in use: \('(?P<host>[^']+)', (?P<port>\d+)\)|Can't connect to \('[^']+', "
        r"(?P<port2>\d+)\)",
        r"(?i)port (?P<port>\d+) (?:is|was) (?:already )?(?:in use|taken|used|occupied|being used|"
        r"allocated)(?!.*(?:trying|using|instead))",
        r"(?i)something is already running on port (?P<port>\d+)|that port is already in use|port "
        r"is already (?:allocated|in use)|Is port (?P<port2>\d+) in use",
        title=(
            "Port {port} is already in use.",
            "The address {address} is already in use.",
        ),
        near=(
            r"\bport(?:'?:)? (?P<port>\d+)",
            r"(?i)(?:Connection in use|address already in use|EADDRINUSE).*?:(?P<port>\d+)\b",
        ),
        reach=8,
        tries=(
            "Start only one server, and call listen() once",
            "Use the port in the variable PORT",
        ),
        rank=Rank.ROOT,
        most=2,
    ),
    sign(
        "port-variable-invalid",
        r"ERR_SOCKET_BAD_PORT|should be (?:>=|between) 0 and <? ?65536|Port should be >",
        r"'?\$\{?(?P<name>\w*PORT)\}?'? is not a valid (?:port|integer|int)|'\$(?P<name2>\w*PORT)'",
        r"Invalid value for '-?-p(?:ort)?'?.*|option '?-p, --port\b.* (?:is )?invalid|invalid "
        r"port(?: number)?[:\s]*['\"]?(?P<value>[^\s'\"]*)",
        r"listen tcp:? (?:address )?\S*: ?(?:unknown port|invalid port|missing port)|lookup "
        r"tcp/\S*: (?:unknown port|Servname|nodename)|address tcp/\S+: unknown port",
        r"(?:Port|PORT|port) (?:must be|should be|is not|needs to be) (?:a |an )?(?:valid |"
        r"positive )?(?:number|integer|numeric|int)",
        r"getaddrinfo\(\) argument|port_number must be|OverflowError: .*port must be 0-65535|port "
        r"must be (?:0-65535|between)|not a valid TCP port",
        title=(
            'The port is not a number: "${name}" is used as it stands, or the variable is not set.',
            "The port is not a number: the variable it is read from is not set.",
        ),
        near=r"ERR_SOCKET_BAD_PORT",
        reach=2,
        tries=(
            "Read the port from the variable PORT",
            'Start through a shell, e.g. sh -c "...", so that $PORT is replaced',
        ),
        rank=Rank.ROOT,
    ),
    sign(
        "port-variable-invalid",
        r"ValueError: invalid literal for int\(\) with base 10: '(?P<value>[^']*)'|int\(\) "
        r"argument must be a string.*NoneType",
        r"strconv\.(?:Atoi|ParseInt|ParseUint): parsing \"(?P<value>[^\"]*)\": invalid syntax|"
        r"parseInt.*PORT",
        title="The port is not a number: the variable it is read from is not set or has another "
        "value.",
        near=r"(?i)\bport\b",
        reach=4,
        when=r"(?i)\bport\b",
        rank=Rank.CAUSE,
    ),
    sign(
        "database-unreachable",
        rf"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET) "
        rf"(?P<address>\S+:{_DB_PORTS})\b",
        rf"(?:dial tcp|connect to|connecting to|connection to)[: "
        rf"]+(?P<address>[\w.\[\]:-]*:{_DB_PORTS})\b.*(?:refused|timeout|no such host|unreachable)",
        r"P10(?:0[0-3]|17|10):|Can't reach database server at [`\"'](?P<address>[^`\"']+)",
        r"connection to server (?:at \"(?P<host>[^\"]+)\"|on socket).*failed|could not (?:connect "
        r"to server|translate host name \"(?P<host2>[^\"]+)\")",
        r"(?:psycopg2?|asyncpg|pymysql|MySQLdb|sqlalchemy|django\.db|peewee|redis|pymongo|"
        r"aiomysql|tortoise)[\w.]*\.(?:exceptions?\.|errors?\.|exc\.|utils\.)?(?:OperationalError|"
        r"InterfaceError|ConnectionError|ServerSelectionTimeoutError|CannotConnectNowError|"
        r"ConnectionDoesNotExistError|InvalidPasswordError|InvalidCatalogNameError|TimeoutError|"
        r"AutoReconnect|NetworkTimeout|DBConnectionError)",
        r"Mongo(?:ose)?(?:Network|ServerSelection|Server)\w*Error|ServerSelectionTimeoutError|"
        r"MongoParseError",
        r"Sequelize(?:Connection|Host|Access)\w*Error|KnexTimeoutError|Unable to connect to the "
        r"database|\[TypeOrmModule\] Unable to connect|DriverException|Error connecting to (?:the "
        r")?(?:database|db|redis|mongo|postgres|mysql)",
        r"Can't connect to (?:local )?(?:MySQL|MariaDB) server|Access denied for user '[^']*'@|"
        r"Unknown database '|Error 111 connecting to (?P<address>\S+)",
        r"password authentication failed for user|database \"[^\"]+\" does not exist|role "
        r"\"[^\"]+\" does not exist|no pg_hba\.conf entry|SASL: SCRAM-SERVER-FIRST-MESSAGE|the "
        r"database system is (?:starting up|shutting down)",
        r"(?i)(?:failed|unable|could not|cannot|can't|couldn't) (?:to )?(?:connect|reach|ping|"
        r"open|establish)\b.{0,40}\b(?:database|postgres\w*|mysql|mariadb|mongo\w*|redis|db|sql "
        r"server)\b",
        r"(?i)(?:database|postgres\w*|mysql|mongo\w*|redis|db)\b.{0,40}(?:connection|"
        r"connect)\b.{0,30}(?:refused|failed|timed? ?out|error|closed|terminated)",
        r"MaxRetriesPerRequestError|ClusterAllFailedError|\[ioredis\] Unhandled error event|"
        r"Connection terminated (?:unexpectedly|due to connection timeout)|"
        r"PROTOCOL_CONNECTION_LOST|ER_ACCESS_DENIED_ERROR",
        title=(
            "The app could not reach its database on {address}.",
            "The app could not reach its database on {host}.",
            "The app could not reach its database, or was refused by it.",
        ),
        near=(
            rf"(?P<address>[\w.-]+:{_DB_PORTS})\b",
            r"(?i)\bconnection refused|ECONNREFUSED",
        ),
        reach=12,
        tries=(
            "Set DATABASE_URL to the address of your database",
            "Attach a database to the project",
            "Catch the error and try again",
        ),
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "database-unreachable",
        r"(?:connect )?ECONNREFUSED (?P<address>\S+)|ConnectionRefusedError: \[Errno 111\]|dial "
        r"tcp (?P<address2>\S+): connect: connection refused",
        title=(
            "The app could not reach the service on {address} that it needs.",
            "The app could not reach a service that it needs.",
        ),
        tries=(
            "Set the variable with the address of that service",
            "Catch the error and try again",
        ),
        phases=("start",),
        unless=r"npm (?:ERR!|error) (?:code|network)",
        rank=Rank.GENERAL,
    ),
    sign(
        "unhandled-rejection",
        r"ERR_UNHANDLED_REJECTION|UnhandledPromiseRejection(?:Warning)?:|This error originated "
        r"either by throwing inside of an async function",
        r"(?i)unhandled (?:promise )?rejection(?! \(the)",
        title=(
            'A promise was rejected with "{reason}" and no code handled it, so Node ended the '
            "process.",
        ),
        near=(r"with the reason \"(?P<reason>[^\"]+)\"", r"code: 'ERR_UNHANDLED_REJECTION'"),
        rank=Rank.WRAPPER - 3,
        warnings=True,
    ),
    sign(
        "unhandled-rejection",
        r"triggerUncaughtException\(err, true /\* fromPromise \*/\)",
        near=r"^(?:\w+: )?\w*Error\b",
        rank=Rank.WEAK + 1,
    ),
    sign(
        "port-variable-ignored",
        _LISTENS,
        title=_ELSEWHERE,
        tries=_LISTEN_RIGHT,
        exits=(124, 142, 143),
        phases=("start",),
        rank=Rank.WEAK + 1,
        last=True,
        unless=r"(?i)watch(?:ing)? for file changes(?! with)|waiting for (?:file )?changes",
    ),
    sign(
        "port-variable-ignored",
        _LISTENS,
        title=_ELSEWHERE,
        tries=_LISTEN_RIGHT,
        exits=(124, 142, 143),
        rank=Rank.WEAK,
        last=True,
        unless=r"(?i)watch(?:ing)? for file changes(?! with)|waiting for (?:file )?changes|^> \S+ "
        r"build\b",
    ),
    sign(
        "process-ended",
        exits=(0,),
        phases=("start",),
        rank=Rank.EXIT_CODE,
    ),
    sign("process-ended", exits=(0,), rank=Rank.EXIT_CODE),
)
