"""Python applications: imports, settings, and servers that look for the app."""

from shared.failures.models import Rank, sign

_PLACE = (
    r"File \"(?P<file>(?!.*(?:site-packages|dist-packages|/lib/python|importlib|"
    r"<frozen))[^\"]+)\", line (?P<line>\d+)"
)

SIGNS = (
    sign(
        "module-not-found",
        r"(?:ModuleNotFoundError|ImportError): No module named '?(?P<python_module>[\w.]+)'?",
        r"No module named (?P<python_module>[\w.]+); '[\w.]+' is not a package",
        r"can't open file '?(?P<start>[^':]+)'?: \[Errno 2\]",
        r"Extension error.*Could not import extension (?P<python_module>[\w.]+)|The "
        r"\"(?P<distribution>[\w-]+)\" plugin is not installed|Unrecognised theme name: "
        r"'(?P<distribution2>[^']+)'",
        r"ImportError: (?:Couldn't import Django|(?P<name>lib[\w.+-]+\.so\S*): cannot open shared "
        r"object file)",
        title=(
            "{file} imports {python_module}, which is not in the list of dependencies.",
            "The code imports {python_module}, which is not installed.",
            "The start command names {start}, which does not exist.",
            "{distribution} is not installed.",
        ),
        near=_PLACE,
        reach=3,
        tries=(
            "Add {distribution} to requirements.txt or pyproject.toml",
            "Check that the file {start} is committed and the root folder is right",
            "If it is your own module, check its path and that it is committed",
        ),
        rank=Rank.CAUSE,
        last=True,
        unless=r"error: subprocess-exited-with-error|Failed to build `|Error loading ASGI app",
    ),
    sign(
        "incompatible-versions",
        r"ImportError: cannot import name '(?P<name>[^']+)' from '(?P<python_module>[\w.]+)' "
        r"\((?P<path>[^)]*(?:site-packages|dist-packages|/lib/)[^)]*)\)",
        r"numpy\.dtype size changed|compiled using NumPy 1\.x cannot be run|"
        r"numpy\.core\.multiarray failed to import|_ARRAY_API not found",
        r"pkg_resources\.(?:ContextualVersionConflict|VersionConflict|DistributionNotFound)|"
        r"importlib\.metadata\.PackageNotFoundError",
        r"TypeError: (?:\w+\.)?__init__\(\) got an unexpected keyword argument '(?P<name>proxies|"
        r"app|method_whitelist|as_tuple|allow_redirects)'",
        r"AttributeError: module '(?P<python_module>numpy|jinja2|werkzeug|pydantic|sqlalchemy|"
        r"flask|bcrypt|openai|starlette|attr|cgi|PIL\.Image|google\.\w+)[\w.]*' has no attribute "
        r"'(?P<name>\w+)'",
        r"PydanticUserError|PydanticImportError|has been (?:moved|removed) (?:to|in|from) .*(?:v2|"
        r"version 2|2\.0)",
        r"undefined symbol: |(?P<who>\S+ \S+) (?:requires|has requirement) (?P<needs>\S+), (?:but|"
        r"which) .*(?:incompatible|have)",
        title=(
            "The installed {python_module} has no {name} any more: two packages do not go "
            "together.",
            "Two packages were installed in versions that do not work together.",
        ),
        near=_PLACE,
        tries=(
            "Limit {distribution} to the older version the code was written for",
            "Or upgrade the package that uses it",
        ),
        rank=Rank.CAUSE + 1,
        last=True,
        unless=r"Successfully installed .*requires",
    ),
    sign(
        "export-not-found",
        r"ImportError: cannot import name '(?P<name>[^']+)' from (?P<how>partially initialized "
        r"module )?'(?P<module>[\w.]+)'(?! \([^)]*(?:site-packages|dist-packages|/lib/))",
        title='The module {module} has no "{name}"; two modules that import each other look like '
        "that, too.",
        near=_PLACE,
        tries=(
            'Correct the name "{name}" in the import',
            "If the modules import each other, move the shared part into a third one",
        ),
        rank=Rank.CAUSE,
        last=True,
    ),
    sign(
        "secret-key-missing",
        r"The SECRET_KEY setting must not be empty|SECRET_KEY (?:is|was) (?:not set|empty|missing|"
        r"required)|Missing SECRET_KEY",
        r"session is unavailable because no secret key was set|A secret key is required|must set "
        r"(?:a |the )?secret[ _]key",
        r"\[next-auth\]\[error\]\[NO_SECRET\]|MissingSecret|Please define a `secret`|"
        r"NEXTAUTH_SECRET.*(?:not set|missing|required)",
        r"secretOrPrivateKey must have a value|secret option required for sessions|Missing "
        r"`?secret_key_base`?|No application encryption key",
        r"(?:AUTH_SECRET|SESSION_SECRET|JWT_SECRET(?:_KEY)?|COOKIE_SECRET|APP_KEY|APP_KEYS) (?:is "
        r"|must be |environment variable is |env var is )?(?:not set|missing|required|empty|"
        r"undefined|needs? to be set)",
        title="The app has no secret key: its variable is not set.",
        near=r"raise ImproperlyConfigured",
        reach=3,
        tries=("Add the key as a secret variable, for the build too",),
        rank=Rank.ROOT,
    ),
    sign(
        "settings-missing",
        r"You must set settings\.ALLOWED_HOSTS|Invalid HTTP_HOST header: '(?P<host>[^']+)'|"
        r"DisallowedHost",
        r"settings are not configured|ImproperlyConfigured: (?P<what>(?!Set the |The SECRET_KEY|"
        r"Error loading).+)",
        r"settings\.DATABASES is improperly configured|without having set the STATIC_ROOT setting",
        r"Requested setting (?P<what>\w+), but settings|AttributeError: 'Settings' object has no "
        r"attribute '(?P<what2>\w+)'",
        r"RuntimeError: Either 'SQLALCHEMY_DATABASE_URI'|SQLALCHEMY_DATABASE_URI.*(?:must be set|"
        r"not set)",
        r"Invalid value for the .*setting|A required (?:setting|config(?:uration)?) .*(?:is "
        r"missing|not set)",
        r"doesn't declare an explicit app_label and isn't in an application in INSTALLED_APPS",
        r"Blocked request\. This host \(\"(?P<host>[^\"]+)\"\) is not allowed",
        title=(
            "The settings do not allow the host {host}.",
            "The settings are not complete: {what}",
            "ALLOWED_HOSTS is empty while DEBUG is off.",
        ),
        tries=(
            "Set what is named in the settings, e.g. from a variable",
            "Set DJANGO_SETTINGS_MODULE if the app does not know its settings",
        ),
        rank=Rank.SPECIFIC,
        unless=r"SECRET_KEY setting must not be empty",
    ),
    sign(
        "wrong-app-name",
        r"Failed to find (?:attribute|application object) '(?P<name>[^']+)' in '(?P<module>[^']+)'",
        r"Error loading ASGI app\. (?:Attribute \"(?P<name>[^\"]+)\" not found in module "
        r"\"(?P<module>[^\"]+)\"|Could not import module \"(?P<module2>[^\"]+)\")",
        r"Could not (?:locate a|find) (?:Flask|FastAPI|Celery|WSGI|ASGI) app|Failed to find Flask "
        r"application or factory in module '(?P<module>[^']+)'",
        r"Error: Could not import '(?P<module>[^']+)'|(?:Could not import|No module named) "
        r".*while (?:loading|importing) the (?:app|application)",
        r"No FastAPI app found|Path does not exist .*\.py|Could not find a default file to run|"
        r"NoAppError|Import string \"(?P<name>[^\"]*)\" must be in format",
        r"Unable to load celery application|App(?:lication)? object must be callable|WSGI "
        r"application '(?P<name>[^']+)' could not be loaded|Could not find (?:WSGI|ASGI) "
        r"application",
        r"unable to load app \d+ \(mountpoint|no python application found|(?:Failed to parse|"
        r"Failed to find) .* as an (?:attribute name|application)",
        title=(
            'The server looked for "{name}" in {module}, where it is not.',
            'The server could not find the app in "{module}".',
        ),
        tries=("Correct the name in the start command: MODULE:NAME, e.g. {module}:app",),
        rank=Rank.SPECIFIC + 1,
        unless=r"^ModuleNotFoundError: No module named",
    ),
)
