"""How a command of a project is started in a container, so that signals reach what serves.

The first process of a container gets no signal that it does not handle, and a shell or ``npm``
in its place hands none on. So a small script of ours is the first one: it starts the command,
hands SIGTERM on, collects orphans and ends as the command did.
"""

import re
import shlex
from collections.abc import Mapping

# $1 is the command, $2 who gets the signal: the command's own process, or everybody (-1).
_FIRST = (
    # Everybody is who runs in this container: never, where it is no container.
    'child=; stopped=; all=; [ $$ != 1 ] || all="$2"; '
    'stop() { stopped=1; [ -z "$child" ] || kill -s TERM -- "${all:-$child}"; }; '
    "trap stop TERM INT; "
    # Shells tell on their standard error how a child ended: that is no line of the app.
    '/bin/sh -c "$1" & child=$!; exec 2>/dev/null; '
    '[ -z "$stopped" ] || stop; '
    'while :; do wait "$child"; code=$?; kill -0 "$child" || break; done; '
    # Its shell has gone, but what it started may still be about to end well.
    'if [ "$stopped$all" = "1-1" ]; then'
    " while kill -0 -- -1; do sleep 0.1; done; fi; "
    'exit "$code"'
)
_EVERYBODY = "-1"
_ASSIGNMENT = re.compile(r"(?:[A-Za-z_]\w*=(?:'[^']*'|\"[^\"$`\\]*\"|[^\s'\"$`\\&|;()<>]*)\s+)+")
_PROGRAM = re.compile(r"[\w./@+-]+(?=\s|$)")
# Words of the shell itself: `exec` in front of them would look for a program of that name.
_COMPOUND = frozenset(
    {"if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac",
     "select", "function", "{", "}", "!", "[["}
)  # fmt: skip
_BEGUN = [[word] for word in sorted(_COMPOUND)]
_OF_THE_SHELL = _COMPOUND | {
    "time", "exec", "eval", "cd", "set", "export", "unset", "source", "trap", "wait", "read",
    "ulimit", "umask", "shift", "return", "exit", "break", "continue", "readonly", "local",
    "alias", "command", "builtin", "type", ".", ":",
}  # fmt: skip
_NPM_FIELD = re.compile(r"npm_(?:package|config|lifecycle)_|INIT_CWD")
_SCRIPT = re.compile(r"[\w:.-]{1,100}")
_WAYS = {
    "npm": ("run", "run-script", "start"),
    "pnpm": ("run", "start"),
    "yarn": ("run", "start"),
    "bun": ("run",),
}
_DEEPEST = 5


def launch(command: str) -> list[str]:
    """The words that start a command of a shell, as an image's command or a container's.

    Where it is plain, what it starts gets SIGTERM; else everything that runs in the container.
    """
    single = _with_exec(command)
    if single is None:
        return ["/bin/sh", "-c", _FIRST, "sh", command, _EVERYBODY]
    return ["/bin/sh", "-c", _FIRST, "sh", single]


def resolved(command: str, scripts: Mapping[str, str]) -> str:
    """A command without the package manager that would only start one of the ``scripts``."""
    for _ in range(_DEEPEST):
        script = _named(command, scripts)
        if script is None:
            return command
        command = script
    return command


def _named(command: str, scripts: Mapping[str, str]) -> str | None:
    """The text of the script that a command runs, where nothing is lost by running it directly."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    name = _script_name(words)
    if name is None or not _SCRIPT.fullmatch(name):
        return None
    text = scripts.get(name)
    has_others = any(f"{prefix}{name}" in scripts for prefix in ("pre", "post"))
    if not text or has_others or _NPM_FIELD.search(text):
        return None
    return text.strip() or None


def _script_name(words: list[str]) -> str | None:
    if len(words) not in {2, 3} or words[0] not in _WAYS or words[1] not in _WAYS[words[0]]:
        return None
    if words[1] == "start":
        return "start" if len(words) == 2 else None
    return words[2] if len(words) == 3 else None


def _with_exec(command: str) -> str | None:
    """The command so that its last program takes the place of the shell; None where it cannot."""
    parts = _parts(command)
    if parts is None:
        return None
    at = parts[-1]
    start = at + len(command[at:]) - len(command[at:].lstrip())
    if match := _ASSIGNMENT.match(command, start):
        start = match.end()
    program = _PROGRAM.match(command, start)
    if program is None or program[0] in _OF_THE_SHELL:
        return None
    if any(command[part:].split()[:1] in _BEGUN for part in parts):
        return None
    return f"{command[:start]}exec {command[start:]}"


def _parts(command: str) -> list[int] | None:
    """Where the programs of ``a && b; c`` begin; None for all that is more than that."""
    at, parts, quote = 0, [0], ""
    while at < len(command):
        mark = command[at]
        if quote:
            quote = "" if mark == quote else quote
            at += 2 if mark == "\\" and quote == '"' else 1
        elif mark in "'\"":
            quote, at = mark, at + 1
        elif command.startswith("&&", at):
            at += 2
            parts.append(at)
        elif mark == ";" and command[at + 1 : at + 2] != ";":
            at += 1
            parts.append(at)
        elif mark in "|&()<>;`\n\r#" or command.startswith("$(", at):
            return None
        else:
            at += 2 if mark == "\\" else 1
    # A command substitution runs within quotes, too, and before `exec` does: it is harmless there.
    return parts if not quote and command[parts[-1] :].strip() else None
