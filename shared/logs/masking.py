"""Takes secrets out of log lines, also where one is split over lines or records.

What is masked: the values that a deployment was given as secrets (with their encoded forms),
and tokens of the platform itself, known by their shape. Who knows the values is a ``Secrets``
provider's business. A value reaches neither the store nor a reader, but it does pass Kafka.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote
from uuid import UUID

from shared.logs.lines import Line

MASK = "***"
SHORTEST = 4
"""Shorter values are no secrets but words that would be masked everywhere; of a longer one that
is split into pieces, at most one character less than this shows."""

Secrets = Callable[[UUID], Awaitable[Sequence[str]]]
"""Asked for a deployment's secret values; they never change during its life."""

Tail = tuple[int, int]
"""The form of a secret that the text so far may have begun, and how many of its characters."""

_TOKENS = re.compile(
    r"(?P<name>(?i:\bsig=|\b(?:account|sharedaccess|access)key=|\bbearer\s+))"
    r"[A-Za-z0-9%+/=._~-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
)


async def no_secrets(_deployment_id: UUID) -> Sequence[str]:
    """The provider where deployments are given none."""
    return ()


class Masker:
    """Masks the lines of one deployment.

    Text is matched with its line breaks taken out, since a value may be broken by one, or hold
    some itself. What may be the beginning of a value is masked at once, before its end is seen:
    no line waits, and what is stored needs no correction. How far each origin's text has come
    into a value is its ``Tail``; the store keeps it with the writer's sequence, in the same
    transaction, so that a repetition or a restart in the middle of a value changes nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms = sorted({form for secret in secrets for form in _forms(secret)})

    def mask(
        self, lines: Iterable[Line], tails: Mapping[str, Tail]
    ) -> tuple[list[Line], dict[str, Tail]]:
        """The lines without secrets, and how their origins' texts end."""
        after = dict(tails)
        masked = []
        for line in lines:
            text, tail = self._mask_text(line.text, after.pop(line.origin, None))
            if tail is not None:
                after[line.origin] = tail
            text = _TOKENS.sub(lambda found: f"{found['name'] or ''}{MASK}", text)
            masked.append(line if text == line.text else line.model_copy(update={"text": text}))
        return masked, after

    def _mask_text(self, text: str, tail: Tail | None) -> tuple[str, Tail | None]:
        if not self._forms:
            return text, None
        before = self._begun(tail)
        joined = before + text
        spans = [span for form in self._forms for span in _occurrences(joined, form)]
        after = self._tail(joined)
        if after is not None and after[1] >= SHORTEST:
            spans.append((len(joined) - after[1], len(joined)))
        shift = len(before)
        return _covered(text, [(start - shift, end - shift) for start, end in spans]), after

    def _begun(self, tail: Tail | None) -> str:
        if tail is None or not 0 <= tail[0] < len(self._forms):
            return ""
        return self._forms[tail[0]][: tail[1]]

    def _tail(self, joined: str) -> Tail | None:
        """The longest end of the text that begins a value: every shorter one ends this one."""
        ends = ((_overlap(joined, form), index) for index, form in enumerate(self._forms))
        length, index = max(ends)
        return (index, length) if length else None


def _forms(secret: str) -> Iterator[str]:
    """A value as it may show in a log; of several lines also each line by itself."""
    for value in {secret, *(secret.splitlines() if "\n" in secret else ())}:
        encoded = base64.b64encode(value.encode()).decode()
        for form in (value, quote(value, safe=""), json.dumps(value)[1:-1], encoded):
            bare = form.replace("\r", "").replace("\n", "")
            if len(bare.strip()) >= SHORTEST:
                yield bare


def _occurrences(text: str, form: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _overlap(text: str, form: str) -> int:
    """Length of the longest end of the text with which the form begins, but is not done."""
    for length in range(min(len(text), len(form) - 1), 0, -1):
        if text.endswith(form[:length]):
            return length
    return 0


def _covered(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with a mask in place of each stretch that spans cover."""
    parts, shown = [], 0
    for start, end in sorted(spans):
        if end <= shown:
            continue
        if start > shown:
            parts.append(text[shown:start])
        if not parts or parts[-1] != MASK:
            parts.append(MASK)
        shown = end
    parts.append(text[shown:])
    return "".join(parts)
