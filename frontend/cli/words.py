"""Which words of a command line are ours, and which belong to a command that is to be run."""

from collections.abc import Sequence

RUN = "run"
_WITH_VALUES = frozenset({"--environment", "--env", "-e", "--timeout", "--project", "-p", "--url"})


def own_words(arguments: Sequence[str]) -> list[str]:
    """The words without the command that ``run`` is given."""
    words = list(arguments)
    if "--" in words:
        words = words[: words.index("--")]
    if RUN not in words[:1]:
        return words
    is_value = False
    for index, word in enumerate(words[1:], 1):
        if not is_value and not word.startswith("-"):
            return words[:index]
        is_value = not is_value and word in _WITH_VALUES
    return words
