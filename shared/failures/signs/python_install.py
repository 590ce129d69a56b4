"""pip, uv, Poetry and Pipenv: versions, conflicts, and packages that must be compiled."""

from shared.failures.models import Rank, sign

SIGNS = (
    sign(
        "package-not-found",
        r"Could not find a version that satisfies the requirement (?P<module>[\w.-]+)\S* \(from "
        r"versions: none\)",
        r"Because (?P<module>[\w.-]+) was not found in the (?:package registry|cache|provided "
        r"package locations)",
        r"Could not find a matching version of package (?P<module>[\w.-]+)|Package "
        r"(?P<module2>[\w.-]+) \(\S*\) not found|Unable to find installation candidates for "
        r"(?P<module3>[\w.-]+)",
        r"E: Unable to locate package (?P<module>\S+)|(?P<module2>\S+) \(no such package\)",
        r"404 Client Error: Not Found for url: \S*/simple/(?P<module>[\w.-]+)",
        r"(?:reading|module) (?P<module>[\w./-]+).*: (?:reading \S+: )?404 Not Found|"
        r"(?P<module2>github\.com/\S+): (?:invalid .*repository|repository .*not found)",
        title=(
            'There is no package "{module}" in the index.',
            "A package does not exist in the index.",
        ),
        tries=(
            'Check the spelling of "{module}" in the list of dependencies',
            "If it is a private package, set its index and credentials",
        ),
        rank=Rank.CAUSE + 2,
    ),
    sign(
        "version-not-found",
        r"Could not find a version that satisfies the requirement "
        r"(?P<module>[\w.-]+?)(?P<range>[=<>~!]=?\S*) \(from versions: (?!none)",
        r"No matching distribution found for (?P<module>[\w.-]+?)(?:\[[^\]]*\])?(?P<range>[=<>~!]="
        r"?\S+)",
        r"there (?:is|are) no versions? of (?P<module>[\w.-]+?)(?P<range>[=<>~!]=?[^\s]+)? (?:and|"
        r"are available)?",
        r"only (?:the following versions of )?(?P<module>[\w.-]+?)(?P<range>[<>=]=?\S+) (?:is|"
        r"are) available",
        r"depends on (?P<module>[\w.-]+) \((?P<range>[^)]+)\) which doesn't match any versions",
        r"Could not find a version that matches (?P<module>[\w.-]+?)(?P<range>[=<>~!]=?\S*)",
        r"(?:invalid version: unknown revision|unknown revision|no matching versions for query) "
        r"?\"?(?P<range>\S*)",
        title=(
            "There is no {module} {range}.",
            "No version of {module} matches what is asked for.",
            "The version {range} does not exist.",
        ),
        near=r"No matching distribution found for|We can conclude|version solving failed",
        reach=3,
        tries=(
            'Choose a version that exists: see "pip index versions {module}"',
            "Correct the version in the list of dependencies",
        ),
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "python-version",
        r"requires a different Python: (?P<got>[\d.]+) not in '(?P<wanted>[^']+)'",
        r"Ignored the following (?:versions|yanked versions) that require a different python "
        r"version",
        r"(?:requires|require) a different Python(?: version)?|Requires-Python (?P<wanted>\S+)",
        r"interpreter resolved to Python (?P<got>[\d.]+), which is incompatible with the "
        r"project's Python requirement: `(?P<wanted>[^`]+)`",
        r"Current Python version \((?P<got>[\d.]+)\) is not allowed by the project "
        r"\((?P<wanted>[^)]+)\)",
        r"(?:supported Python range|Python requirement).*(?:not compatible|incompatible)|the "
        r"requested Python version \((?P<wanted>[^)]+)\) does not satisfy",
        r"[Tt]he current Python version \((?P<got>[\d.]+)\) does not satisfy "
        r"Python(?P<wanted>[<>=]+[\d.,<>=]+)",
        r"No interpreter found for (?:Python )?(?P<wanted>[\w.>=<,]+)|pyenv: version "
        r"`(?P<wanted2>[^']+)' is not installed|Python (?P<wanted3>[\d.]+) was not found",
        r"Poetry was unable to find a compatible version|(?:is|are) only compatible with Python|"
        r"[Pp]ython (?:version )?(?P<wanted>>=? ?[\d.]+) is required",
        r"This (?:version|package|script|release) (?:of \S+ )?requires Python (?P<wanted>[\d.>= "
        r"]+)|requires? at least Python (?P<wanted2>[\d.]+)|[Rr]equires Python "
        r"'?(?P<wanted3>[<>=~!]+[\d.]+)",
        r"AttributeError: module '(?P<module>pkgutil|collections|inspect|asyncio|typing|ast|imp|"
        r"unittest|time|configparser|fractions|gettext|locale|ssl|cgi)' has no attribute "
        r"'(?P<name>\w+)'",
        r"ModuleNotFoundError: No module named '(?P<module>distutils|imp|cgi|asynchat|asyncore|"
        r"smtpd|telnetlib|pipes|crypt|audioop|tomllib|zoneinfo|nntplib|imghdr|sndhdr)'",
        r"ImportError: cannot import name '(?P<name>[^']+)' from '(?P<module>typing|collections|"
        r"enum|datetime|inspect|asyncio|importlib\.\w+|types|dataclasses|functools)'",
        r"TypeError: unsupported operand type\(s\) for \|: '(?:type|NoneType|\w*Generic\w*|_\w+)' "
        r"and",
        title=(
            "The project needs Python {wanted}, but the build has {got}.",
            "A package needs another Python version: Python {wanted}.",
            "The code uses {module}.{name}, which this Python version does not have.",
            "The code uses the module {module}, which this Python version does not have.",
        ),
        near=r"No matching distribution found for",
        reach=6,
        tries=(
            "Select a Python version that fits in the project settings or in .python-version",
            "Ask for a version of the package that supports this Python",
        ),
        rank=Rank.SPECIFIC,
        unless=r"error: subprocess-exited-with-error|Failed to build `|ChefBuildError",
    ),
    sign(
        "python-dependency-conflict",
        r"ResolutionImpossible",
        r"because these package versions have conflicting dependencies",
        r"(?P<who>[\w.-]+ \S+) depends on (?P<needs>[\w.-]+[<>=!~][^\s]*)",
        r"Because (?P<who>[\w.-]+\S*) depends on (?P<needs>[\w.-]+\S*) and .*(?:depends on|you "
        r"require)",
        r"So, because .* version solving failed|[Vv]ersion solving failed",
        r"your (?:project's )?requirements are unsatisfiable",
        r"Because .*depends on (?P<needs>.+?), (?P<package_b>[\w.-]+) is required",
        r"ResolutionFailure|Locking [Ff]ailed!|There are incompatible versions in the resolved "
        r"dependencies",
        title=(
            "{who} needs {needs}, which does not go with the other requirements.",
            "The Python packages ask for versions of each other that do not go together.",
        ),
        near=(
            r"(?P<who>[\w.-]+ \S+) depends on (?P<needs>[\w.-]+[<>=!~][^\s]*)",
            r"ResolutionImpossible|version solving failed",
            r"Because .* (?:depends on|is required)",
        ),
        most=3,
        rank=Rank.GENERAL + 1,
    ),
    sign(
        "wheel-build-failed",
        r"error: subprocess-exited-with-error",
        r"(?:ERROR: )?Failed building wheel for (?P<module>[\w.-]+)|Failed to build "
        r"(?:installable wheels for .*\()?`?(?P<module2>[\w.-]+)",
        r"The build backend returned an error|ChefBuildError|PEP ?517 build of a dependency "
        r"failed|Backend subprocess exited|Backend operation failed",
        r"ERROR: Command errored out with exit status \d+|Could not build wheels for "
        r"(?P<module>[\w.-]+)",
        r"Preparing metadata \(\S+\) did not run successfully|metadata-generation-failed|python "
        r"setup\.py egg_info did not run",
        r"Unable to build .*wheel|error: command '(?:/usr/bin/)?(?:gcc|g\+\+|cc|"
        r"x86_64-linux-gnu-gcc|cargo|rustc)' failed|error: can't find Rust compiler",
        title=(
            "{module} had to be compiled, and that failed: {what}",
            "{module} had to be compiled, and that failed.",
            "A Python package had to be compiled, and that failed: {what}",
        ),
        near=(
            r"(?P<what>pg_config executable not found|fatal error: \S+\.h: No such file|"
            r"(?:pkg-config|mysql_config|cmake|gcc|g\+\+|rustc|cargo|make|llvm-config|gdal-config|"
            r"swig|ffmpeg): (?:command )?not found|command '\S*gcc' failed|error: can't find Rust "
            r"compiler|Can not find valid pkg-config|Microsoft Visual C\+\+|No such file or "
            r"directory: '(?:gcc|cmake|cc|x86_64-linux-gnu-gcc)'|ModuleNotFoundError: No module "
            r"named '\w+')",
            r"(?:Collecting|Building wheel for|Failed building wheel for|required to build) "
            r"(?P<module>[\w.-]+)",
            r"Failed building wheel for|is required to build",
        ),
        reach=400,
        tries=(
            "Use a release of {module} that has a wheel for this Python, e.g. its -binary form",
            "Install the compiler and headers it needs in the build image",
        ),
        rank=Rank.SPECIFIC + 3,
        installing=True,
    ),
    sign(
        "package-folder-missing",
        r"No file/folder found for package (?P<name>\S+)|The current project could not be "
        r"installed",
        r"Unable to determine which files to ship inside the wheel|Expected a Python module at: "
        r"`?(?P<name>\S+?)`?$",
        r"Multiple top-level packages discovered in a flat-layout|error: package directory "
        r"'(?P<name>[^']+)' does not exist",
        r"No file/folder found for (?:module|package)|(?:Package|Readme|Module) path .* does not "
        r"exist",
        title=('The project itself is to be installed, but there is no folder for "{name}".',),
        near=r"No file/folder found for package (?P<name>\S+)",
        tries=(
            'Install the dependencies only: "poetry install --no-root" or "uv sync '
            '--no-install-project"',
            "Set package-mode = false, or name the package's folder, in pyproject.toml",
        ),
        rank=Rank.ROOT,
    ),
)
