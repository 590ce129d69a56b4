"""Addresses of repositories, as people paste them."""

import pytest

from shared.errors import AstroCloudError
from shared.sources.git import check_url


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        (" https://GitHub.com/o/r.git ", "https://github.com/o/r.git"),
        ("https://github.com/o/r/", "https://github.com/o/r"),
        ("https://dev.azure.com/o/p/_git/r", "https://dev.azure.com/o/p/_git/r"),
        ("https://git.example.com:8443/~ada/r", "https://git.example.com:8443/~ada/r"),
        ("https://gitlab.com/group/sub/tree", "https://gitlab.com/group/sub/tree"),
    ],
)
def test_address_is_normal(url: str, normal: str) -> None:
    assert check_url(url) == normal


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("git@github.com:o/r.git", "https://github.com/o/r.git"),
        ("ssh://git@gitlab.com:22/o/r.git", "https://gitlab.com/o/r.git"),
        ("git://codeberg.org/o/r", "https://codeberg.org/o/r"),
        ("git@ssh.dev.azure.com:v3/o/p/r", "https://dev.azure.com/o/p/_git/r"),
        ("github.com/o/r", "https://github.com/o/r"),
        ("http://github.com/o/r", "https://github.com"),
        ("file:///srv/r.git", "begins with https://"),
        ("/srv/r.git", "begins with https://"),
        ("../r.git", "begins with https://"),
        ("", "begins with https://"),
        ("https://github.com/o/r/tree/main/apps/web", "“main” and root to “apps/web”"),
        ("https://github.com/o/r/blob/main/README.md", "https://github.com/o/r:"),
        ("https://gitlab.com/a/b/c/-/tree/dev", "https://gitlab.com/a/b/c:"),
        ("https://codeberg.org/o/r/src/branch/main", "“main”"),
        ("https://bitbucket.org/o/r/src/main/x", "“main”"),
        ("https://github.com/o/r/pull/3", "https://github.com/o/r:"),
        ("https://github.com/", "add its path"),
        ("https://github.com/o/r?x=1", "leave that out"),
        ("https://github.com/o/r#main", "leave that out"),
    ],
)
def test_other_address_is_refused_with_what_is_meant(url: str, meant: str) -> None:
    with pytest.raises(AstroCloudError) as refused:
        check_url(url)
    assert meant in refused.value.detail


@pytest.mark.parametrize(
    "url",
    ["ssh://ada:s3cret@github.com/o/r", "https://ada:s3cret@github.com/o/r", "ext::sh s3cret"],
)
def test_password_is_never_repeated(url: str) -> None:
    with pytest.raises(AstroCloudError) as refused:
        check_url(url)
    assert "s3cret" not in refused.value.detail
