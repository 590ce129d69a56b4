"""What a log is about as a whole: its phase, how it ended, and what in it was got over."""

import re
from collections.abc import Sequence

from shared.failures.models import Line, Phase, Rank, Sign

# "> site@1.0.0 start" is npm's and pnpm's header of a script, "$ next start" Yarn's and Bun's.
_START = re.compile(
    r"^> \S+ start\b|^(?:\$|>) (?:node|next start|serve|gunicorn|uvicorn|flask|nest start)\b"
    r"|Starting gunicorn|Started server process|Uvicorn running|Starting development server"
)
_BUILD = re.compile(
    r"^> \S+ (?:build|generate|export)\b|^(?:\$|>) ?(?:vite|next|astro|nuxt|gatsby|ng|react-scripts"
    r"|vue-cli-service|webpack|rollup|parcel|docusaurus|eleventy|vitepress|tsc|vue-tsc|nuxi|rsbuild"
    r"|rspack|storybook) ?(?:build|generate|\[build\])?|[Pp]re-?render|[Gg]enerat\w+ static"
    r"|building (?:\w+ )*for production|optimized production build|Collecting page data"
    r"|Building static HTML|success building schema|Running \"?(?:npm|yarn|pnpm|bun) run build"
    r"|getStaticPaths|getStaticProps|\[11ty\]|sourceNodes"
)
_INSTALL = re.compile(
    r"^(?:npm (?:ERR!|error|warn|WARN)|yarn install|Collecting \S|bun install|\[\d/\d\] Resolving"
    r"|➤ YN|Resolved \d+ packages|Installing dependencies)"
)
# An install that says this went well, whatever it complained of on the way.
_INSTALLED = re.compile(
    r"^(?:added|changed|removed) \d+ packages|^up to date|^Successfully installed \S"
    r"|^(?:✨ +)?Done in \d|YN0000: (?:·|└) Done|^\d+ packages installed|^Installed \d+ packages"
)
GOT_OVER = 45


class Context:
    """The lines with what signs may ask about them; each question is answered once."""

    def __init__(self, lines: Sequence[Line], exit_code: int | None, phase: Phase | None) -> None:
        self.lines, self.exit_code = lines, exit_code
        self._answers: dict[re.Pattern[str], bool] = {}
        self.phase = phase or self._phase()
        self._installed = max(
            (at for at, line in enumerate(lines) if _INSTALLED.search(line.bare)), default=-1
        )

    def _phase(self) -> Phase | None:
        kinds: tuple[tuple[Phase, re.Pattern[str]], ...] = (
            ("start", _START),
            ("build", _BUILD),
            ("install", _INSTALL),
        )
        return next((phase for phase, pattern in kinds if self.has(pattern)), None)

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Whether any line matches."""
        if pattern not in self._answers:
            self._answers[pattern] = any(pattern.search(line.bare) for line in self.lines)
        return self._answers[pattern]

    def allows(self, sign: Sign) -> bool:
        """Whether the sign can be meant at all, by exit code and phase."""
        by_exit = not sign.exits or self.exit_code in sign.exits
        return by_exit and (not sign.phases or self.phase in sign.phases)

    def holds(self, sign: Sign) -> bool:
        """Whether the rest of the log agrees with the sign."""
        wanted = sign.when is None or self.has(sign.when)
        return wanted and (sign.unless is None or not self.has(sign.unless))

    def rank(self, sign: Sign, at: int) -> int:
        """The sign's rank; less for what an install got over."""
        over = sign.installing and at < self._installed and sign.rank < Rank.KILLED
        return sign.rank - GOT_OVER if over else sign.rank
