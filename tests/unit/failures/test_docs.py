"""The page about failures shows every cause with what to try, and no other."""

from pathlib import Path

from shared.failures.catalogue import CAUSES

PAGE = Path(__file__).parents[3] / "docs" / "failures.md"


def test_the_page_is_in_step_with_the_catalogue() -> None:
    """One row a cause: slug, title, remedies; in the catalogue's order."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith("| `")]
    assert rows == [
        f"| `{cause.slug}` | {cause.title} | {'<br>'.join(cause.tries)} |"
        for cause in CAUSES.values()
    ]
