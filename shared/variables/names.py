"""What a variable may be called and hold, and the reason where it may not."""

import re

MOST_BYTES = 32 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SYSTEM = "the platform sets it for every command, another value would break them"
_SHELL = "the shell itself counts with it"
_LOADER = "it changes which code a program loads before its first line"
_STARTUP = "the shell would run it as code at each start"

_RESERVED = {
    **dict.fromkeys(("PATH", "HOME", "TMPDIR", "PWD", "OLDPWD", "SHELL"), _SYSTEM),
    **dict.fromkeys(("USER", "LOGNAME"), _SYSTEM),
    **dict.fromkeys(("IFS", "OPTIND", "OPTARG", "PS4", "UID", "EUID", "PPID", "SHLVL"), _SHELL),
    **dict.fromkeys(("SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "_"), _SHELL),
    **dict.fromkeys(("ENV", "BASH_ENV", "PROMPT_COMMAND"), _STARTUP),
    "GLIBC_TUNABLES": _LOADER,
}
_RESERVED_PREFIXES = {
    "ASTROCLOUD_": "names that begin with ASTROCLOUD_ are set by the platform",
    "LD_": _LOADER,
    "DYLD_": _LOADER,
    "BASH_FUNC_": _STARTUP,
}


def name_problem(name: str) -> str | None:
    """Why a variable cannot have this name; the text does not repeat a name that is none."""
    if not _NAME.fullmatch(name):
        return (
            "the name must have letters, digits and underscores only, begin with no digit, and"
            " be no longer than 128"
        )
    upper = name.upper()
    if upper in _RESERVED:
        return f"{name} is reserved: {_RESERVED[upper]}"
    for prefix, reason in _RESERVED_PREFIXES.items():
        if upper.startswith(prefix):
            return f"{name} is reserved: {reason}"
    return None


def value_problem(value: str) -> str | None:
    """Why a variable cannot hold this value; the text never repeats any of it."""
    if "\0" in value:
        return "the value holds a NUL character, which no variable can: encode it, as base64 say"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "the value holds half of a character (a lone surrogate): correct it"
    if size > MOST_BYTES:
        return f"the value has {size} bytes, at most {MOST_BYTES} are allowed: put it into a file"
    return None
