"""From any folder's name to a slug that the platform accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.cli.names import slug_of
from shared.projects.slugs import InvalidSlug, ReservedSlug, check_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("shop", "shop"),
        ("My Shop (new)", "my-shop-new"),
        ("Größe_Öl", "grosse-ol"),
        ("--a--b--", "a-b"),
        ("店", "site"),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    """Letters without their marks, single hyphens, at most 40 of them."""
    assert slug_of(name) == slug


@given(st.text(max_size=200))
def test_every_name_gives_a_valid_slug(name: str) -> None:
    """Whatever a folder is called; only reserved names may still be refused."""
    try:
        check_slug(slug_of(name))
    except ReservedSlug:
        return
    except InvalidSlug as error:
        raise AssertionError(error.detail) from error
