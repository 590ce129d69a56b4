"""Commands that are not there, may not run, or look into folders nobody wrote."""

# Tools print such quotes and marks.
# ruff: noqa: RUF001

from shared.failures.models import Rank, sign

_FOLDERS = (
    r"(?:\./)?(?:\S*/)?(?:dist|build|out|public|_site|site|output|www|public_html|\.next|\.output|"
    r"\.vercel/output|storybook-static|\.svelte-kit|client|_build|static|htdocs)(?:/\S*)?"
)

SIGNS = (
    sign(
        "command-not-found",
        r"^(?:\S*(?:sh|bash|zsh|dash)(?:\.exe)?: )?(?:line \d+: |\d+: |eval: line \d+: "
        r")*(?P<command>[\w@./+-]+): (?:command )?not found$",
        r"(?:sh|bash|ash): (?:line )?(?:\d+: )?(?P<command>[\w@./+-]+): (?:command )?not found",
        r"command not found: (?P<command>[\w@./+-]+)|Command not found: (?P<command2>[\w@./+-]+)",
        r"'?(?P<command>[\w@./+-]+)'? is not recognized as an internal or external command",
        r"env: [‘'`\"]?(?P<command>[\w@./+\\-]+)[’'`\"]?: No such file or directory",
        r"spawn (?P<command>(?!git\b)[\w@./+-]+) ENOENT",
        r"exec: \"(?P<command>[^\"]+)\": (?:executable file not found|stat .*no such file)",
        r"starting container process caused:? .*\"(?P<command>[^\"]+)\"",
        r"exec (?P<command>[\w@./+-]+): no such file or directory",
        r"Failed to spawn: `?(?P<command>[^`\s]+)`?|the command (?P<command2>\S+) (?:\([^)]*\) "
        r")?could not be found",
        r"could not determine executable to run|ERR_PNPM_(?:RECURSIVE_EXEC_FIRST_FAIL|"
        r"DLX_NO_BIN)\W+Command \"(?P<command>[^\"]+)\" not found",
        r"error Command \"(?P<command>vite|next|tsc|nuxt|nuxi|astro|ng|gatsby|webpack|"
        r"react-scripts|vue-cli-service|parcel|rollup|eleventy|vitepress|docusaurus)\" not found",
        r"Unknown command:? \"?(?P<command>(?:pnpm|yarn|bun))\"?$|execvpe?\(?:? "
        r"?\"?(?P<command2>[\w./-]+)\"?\)?.*No such file",
        r"No module named (?P<command>gunicorn|uvicorn|flask|django|mkdocs|sphinx|pip|hypercorn|"
        r"daphne|waitress|celery|poetry|pipenv|build)$",
        title=(
            'The command "{command}" is not installed.',
            "A command is not installed.",
        ),
        tries=(
            'Add the package that brings "{command}" to the dependencies and commit the lockfile',
            "Do not set NODE_ENV=production for the install: it leaves out the development "
            "dependencies",
        ),
        when=r"(?i)not found|not recognized|No such file|ENOENT|could not|Failed to spawn|No "
        r"module named|Unknown command|caused",
    ),
    sign("command-not-found", exits=(127,), rank=Rank.EXIT_CODE),
    sign(
        "permission-denied",
        r"^(?:\S*(?:sh|bash|zsh)(?:\.exe)?: )?(?:line \d+: |\d+: )*(?P<file>[\w@./+-]+): "
        r"Permission denied",
        r"(?:sh|bash|ash): (?:line )?(?:\d+: )?(?P<file>[\w@./+-]+): [Pp]ermission denied",
        r"exec:? \"?(?P<file>[\w@./+-]+)\"?: permission denied",
        r"spawn (?P<file>\S+) EACCES",
        title=("{file} is not marked as executable in the repository.",),
        tries=(
            'Run "git update-index --chmod=+x {file}" and commit',
            'Call it with its interpreter, e.g. "bash {file}"',
        ),
        rank=Rank.CAUSE,
        unless=r"Permission denied \(publickey",
    ),
    sign(
        "permission-denied",
        r"listen EACCES:? (?:permission denied )?(?P<address>\S+)|bind: permission denied|\[Errno "
        r"13\].*(?:bind|address)",
        title="The server may not listen on {address}: ports below 1024 are for the system.",
        tries=("Listen on the port in the variable PORT",),
        rank=Rank.CAUSE + 1,
    ),
    sign(
        "permission-denied",
        r"(?:EACCES|EPERM)\b.*?(?:'(?P<file>[^']+)')?$|npm (?:ERR!|error) code (?:EACCES|EPERM)",
        r"(?:PermissionError: )?\[Errno (?:13|1)\] (?:Permission denied|Operation not "
        r"permitted)(?:: '(?P<file>[^']+)')?",
        r"(?:open|mkdir|create|write|unlinkat|chmod|touch:? cannot touch) "
        r"[‘'\"]?(?P<file>[^\s:’'\"]+)[’'\"]?: [Pp]ermission denied",
        r"mkdir: (?:cannot create directory|can't create directory) [‘'](?P<file>[^’']+)[’']: "
        r"Permission denied",
        r"(?:EROFS: )?[Rr]ead-only file ?system",
        title=(
            "{file} may not be read or written.",
            "A file may not be read or written.",
        ),
        tries=("Write below the project's own folder or the folder for temporary files",),
        rank=Rank.GENERAL,
        unless=r"Permission denied \(publickey",
    ),
    sign("permission-denied", exits=(126,), rank=Rank.EXIT_CODE),
    sign(
        "output-folder-missing",
        rf"(?:cp|mv|rsync|ls|install): (?:cannot stat|cannot access|can't stat|link_stat|"
        rf"change_dir|cannot open) ?[‘'`\"]?(?P<folder>{_FOLDERS}?)[’'\"]?:? .*(?:No such file|"
        rf"failed)",
        rf"(?:tar|zip|gzip): (?P<folder>{_FOLDERS}?): (?:Cannot (?:open|stat|chdir)|No such file)",
        rf"(?:cd:? |chdir: )(?:line \d+: |can't cd to )?[‘'`\"]?(?P<folder>{_FOLDERS}?)[’'\"]?(?::"
        rf"|$)",
        rf"ENOENT: no such file or directory, (?:scandir|stat|lstat|opendir|access|copyfile|"
        rf"rename|open|chdir)[^']*'(?P<folder>{_FOLDERS}?)'",
        r"ENOENT: no such file or directory, (?:scandir|stat|lstat|"
        r"opendir)[^']*'[^']*/(?P<folder>(?:dist|build|out|public|_site|\.next|"
        r"\.output)(?:/[^']*)?)'",
        r"No Output Directory named \"(?P<folder>[^\"]+)\" found",
        r"(?i)(?:deploy|publish|output|build|dist) (?:directory|folder|dir) "
        r"[‘'`\"]?(?P<folder>[\w./-]*)[’'`\"]? ?(?:was |is )?(?:does not exist|doesn't exist|not "
        r"found|missing|empty|could not be found|specified .* does not exist)",
        r"(?i)the directory [‘'`\"](?P<folder>[^’'`\"]+)[’'`\"] does not exist\. Did you build",
        r"Could not find a production build in the '(?P<folder>[^']+)' directory",
        r"It looks like you(?:'ve| have)n?'?t? (?:not )?(?:run|built).*build|Please run (?:`|"
        r"\")?\w+ build(?:`|\")? (?:first|before)",
        rf"(?:FileNotFoundError|NotADirectoryError|RuntimeError): .*[Dd]irectory "
        rf"'?(?P<folder>{_FOLDERS}?)'? (?:does not exist|not found)",
        rf"No such file or directory: '(?P<folder>{_FOLDERS}?)'",
        title=(
            'The output folder "{folder}" is not there; the build wrote "{written}".',
            'The output folder "{folder}" is not there: it has another name, or the site was not '
            "built.",
        ),
        near=r"^(?P<written>dist|build|out|_site|public|\.output|site)/\S+ +[\d.]+ [kM]?i?B",
        tries=(
            'Set the output folder to "{written}"',
            "Set the output folder to the one the build writes",
            'Check that the build writes to "{folder}"',
        ),
        rank=Rank.GENERAL + 2,
        unless=r"TAR_ENTRY|(?:pre|post)install$",
    ),
    sign(
        "output-folder-missing",
        title="The build ended well, but nothing is in the output folder it should have written.",
        tries=("Set the output folder to the one the build writes",),
        exits=(0,),
        phases=("build",),
        when=r"built in|[Cc]ompiled|[Bb]uild complete|[Dd]one|[Gg]enerated|Wrote \d+ files|"
        r"[Cc]opied|Documentation built|dist/|build succeeded",
        rank=Rank.EXIT_CODE,
    ),
)
