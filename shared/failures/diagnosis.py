"""Which of the causes found in a log is the root, which lines show it, and what to try.

The deeper sign wins (``Rank``), among equals the first in the log: what comes later is mostly its
consequence. The time is linear in the log, and bounded by what ``text`` keeps of it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.failures.catalogue import CAUSES
from shared.failures.context import Context
from shared.failures.last_errors import last_errors
from shared.failures.models import UNKNOWN, DecisiveLine, Explanation, Line, Phase, Rank, Sign
from shared.failures.names import completed, filled, first_filled
from shared.failures.signs import SIGNS
from shared.failures.text import Log, chosen

HEAD_LINES, TAIL_LINES, SUSPECT_LINES = 3_000, 4_000, 2_000
MOST_LINES = 8
MOST_TRIES = 3


# Names of functions in a stack trace are no message.
_FRAME = re.compile(r"at (?:async |new )?[^\s(]+ \(|at (?:file://)?/\S+:\d+:\d+$|at <\w+> ")


@dataclass(frozen=True, slots=True)
class Hit:
    """A sign found in a line."""

    sign: Sign
    at: int  # index into the lines, not their number
    names: dict[str, str]
    rank: int


def explain(
    log: str | bytes | Iterable[bytes], exit_code: int | None = None, phase: Phase | None = None
) -> Explanation:
    """The cause of a failure, from what the command printed and how it ended."""
    kept = log if isinstance(log, Log) else Log.of(log)
    lines = chosen(kept.lines(), HEAD_LINES, TAIL_LINES, SUSPECT_LINES)
    context = Context(lines, exit_code, phase)
    best, hits = decide(context)
    if best is None:
        return _unknown(lines, kept.looked_at)
    return _answer(context, best, hits, kept.looked_at)


def decide(context: Context) -> tuple[Hit | None, Sequence[Hit]]:
    """The sign that tells the root cause, if any does, and all that were found."""
    hits = find(context)
    return root(_grave(hits, context.exit_code)) or ended(context), hits


def find(context: Context) -> list[Hit]:
    """All signs in all lines, in the log's order; equal lines count once."""
    hits: list[Hit] = []
    seen: set[str] = set()
    signs = [sign for sign in SIGNS if sign.patterns and context.allows(sign)]
    for at, line in enumerate(context.lines):
        if line.bare in seen or _FRAME.match(line.bare):
            continue
        seen.add(line.bare)
        for sign in signs:
            if line.warning and not sign.warnings:
                continue
            found = _search(sign.patterns, line.bare)
            if found and context.holds(sign):
                hits.append(Hit(sign, at, _groups(found), context.rank(sign, at)))
    return hits


def root(hits: Sequence[Hit]) -> Hit | None:
    """The deepest cause, and its first line."""
    best = max(hits, key=lambda hit: (hit.rank, -hit.at), default=None)
    if best is not None and best.sign.last:
        return max((hit for hit in hits if hit.sign is best.sign), key=lambda hit: hit.at)
    return best


def _grave(hits: Sequence[Hit], exit_code: int | None) -> Sequence[Hit]:
    """What may have been the end; a command that ended well got over anything vague."""
    return [hit for hit in hits if hit.rank >= Rank.CAUSE] if exit_code == 0 else hits


def ended(context: Context) -> Hit | None:
    """What the exit code alone tells."""
    last = max(len(context.lines) - 1, 0)
    for sign in SIGNS:
        if not sign.patterns and context.allows(sign) and context.holds(sign):
            return Hit(sign, last, {}, sign.rank)
    return None


def _answer(context: Context, best: Hit, hits: Sequence[Hit], looked_at: str) -> Explanation:
    cause, sign = CAUSES[best.sign.cause], best.sign
    same = [hit for hit in hits if hit.sign is sign and hit.at >= best.at][: sign.most]
    shown = {hit.at for hit in same} | ({best.at} if context.lines else set())
    names = dict(best.names)
    for pattern in sign.near:
        at, more = _near(context.lines, best.at, pattern, sign.reach)
        if at is not None:
            shown.add(at)
            names = more | names
    names = completed(names, count=len([hit for hit in hits if hit.sign is sign]))
    tries = filled(sign.tries, names) + [text for text in cause.tries if not sign.tries]
    return Explanation(
        cause=cause.slug,
        title=first_filled(sign.titles, names) or cause.title,
        lines=_decisive(context.lines[at] for at in sorted(shown)[:MOST_LINES]),
        try_=tuple((tries or list(cause.tries))[:MOST_TRIES]),
        looked_at=looked_at,
    )


def _unknown(lines: Sequence[Line], looked_at: str) -> Explanation:
    cause = CAUSES[UNKNOWN]
    return Explanation(UNKNOWN, cause.title, _decisive(last_errors(lines)), cause.tries, looked_at)


def _near(
    lines: Sequence[Line], at: int, pattern: re.Pattern[str], reach: int
) -> tuple[int | None, dict[str, str]]:
    """The closest line that matches; below rather than above at the same distance."""
    for distance in range(reach + 1):
        for index in (at + distance, at - distance):
            if 0 <= index < len(lines) and (found := pattern.search(lines[index].bare)):
                return index, _groups(found)
    return None, {}


def _search(patterns: Iterable[re.Pattern[str]], text: str) -> re.Match[str] | None:
    return next((found for p in patterns if (found := p.search(text))), None)


def _groups(found: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in found.groupdict().items() if value}


def _decisive(lines: Iterable[Line]) -> tuple[DecisiveLine, ...]:
    return tuple(DecisiveLine(line.n, line.text) for line in lines)
