"""References of images, as registries' clients read them."""

import pytest

from shared.sources.errors import ImageReferenceRefused
from shared.sources.image_reference import parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "wanted"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.29", "docker.io", "library/nginx", "1.29"),
        ("acme/shop", "docker.io", "acme/shop", "latest"),
        ("ghcr.io/acme/shop:v1", "ghcr.io", "acme/shop", "v1"),
        ("localhost/shop", "localhost", "shop", "latest"),
        ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000", "a/b/c", "x"),
        (f"ghcr.io/acme/shop@{DIGEST}", "ghcr.io", "acme/shop", DIGEST),
        (f"ghcr.io/acme/shop:v1@{DIGEST}", "ghcr.io", "acme/shop", DIGEST),
        ("quay.io/a/b-c__d.e", "quay.io", "a/b-c__d.e", "latest"),
    ],
)
def test_its_parts(text: str, registry: str, repository: str, wanted: str) -> None:
    found = parse_reference(text)
    assert (found.registry, found.repository, found.wanted) == (registry, repository, wanted)


def test_docker_hub_is_asked_where_its_registry_listens() -> None:
    assert parse_reference("nginx").api == "registry-1.docker.io"
    assert parse_reference("ghcr.io/a/b").api == "ghcr.io"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://ghcr.io/acme/shop",
        "ghcr.io/Acme/shop",
        "ghcr.io/acme/shop:bad tag",
        "ghcr.io/acme/shop@sha256:12",
        "ghcr.io//shop",
        "../shop",
        "user:secret@ghcr.io/acme/shop",
        "x" * 600,
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ImageReferenceRefused):
        parse_reference(text)
