"""docs/static-sites.md names what the code does."""

from pathlib import Path

from shared.sites import errors
from shared.sites.caching import IMMUTABLE, REVALIDATE

PAGE = (Path(__file__).parents[3] / "docs" / "static-sites.md").read_text("utf-8")


def test_every_reason_to_refuse_an_archive_is_documented() -> None:
    codes = {cls.code for cls in errors.ArchiveRefused.__subclasses__()}
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
    assert len(codes) > 15


def test_every_reason_has_a_code_and_title_of_its_own() -> None:
    classes = errors.ArchiveRefused.__subclasses__()
    assert len({cls.code for cls in classes}) == len({cls.title for cls in classes}) == len(classes)
    assert not any(cls.retryable for cls in classes)


def test_the_cache_policies_are_documented() -> None:
    assert f"`{IMMUTABLE}`" in PAGE
    assert f"`{REVALIDATE}`" in PAGE
