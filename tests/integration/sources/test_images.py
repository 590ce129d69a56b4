"""Looking up images in a registry."""

from collections.abc import Iterator

import pytest

from shared.sources.errors import (
    AddressRefused,
    ImageNotFound,
    ImageRefused,
    RegistryUnavailable,
)
from shared.sources.guard import Credentials, Guard
from shared.sources.image_reference import parse_reference
from shared.sources.images import FoundImage, find_image
from tests.services.registry_server import INDEX, RegistryServer


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    server = RegistryServer()
    yield server
    server.close()


def find(registry: RegistryServer, name: str, credentials: Credentials | None = None) -> FoundImage:
    guard = Guard(allowed=[registry.host])
    return find_image(parse_reference(f"{registry.host}/{name}"), guard, credentials)


def test_a_tag_stands_for_a_digest(registry: RegistryServer) -> None:
    digest = registry.put_image("acme/shop:v1", 1234)
    found = find(registry, "acme/shop:v1")
    assert found == FoundImage(f"{registry.host}/acme/shop@{digest}", digest, 1234)
    assert find(registry, f"acme/shop@{digest}") == found


def test_of_several_platforms_the_index_is_kept_and_ours_is_measured(
    registry: RegistryServer,
) -> None:
    arm, intel = registry.put_image("acme/shop:arm", 1), registry.put_image("acme/shop:intel", 2)
    index = registry.put(
        "acme/shop:v1", {"manifests": [_entry(arm, "arm64"), _entry(intel)]}, INDEX
    )
    found = find(registry, "acme/shop:v1")
    assert (found.digest, found.bytes) == (index, 2)


def test_an_image_for_another_platform_alone_is_refused(registry: RegistryServer) -> None:
    arm = registry.put_image("acme/shop:arm")
    registry.put("acme/shop:v1", {"manifests": [_entry(arm, "arm64")]}, INDEX)
    with pytest.raises(ImageRefused, match="linux/amd64"):
        find(registry, "acme/shop:v1")


@pytest.mark.parametrize("kind", ["Bearer", "Basic"])
def test_a_private_image_wants_the_right_login(registry: RegistryServer, kind: str) -> None:
    registry.put_image("acme/shop:v1")
    registry.login, registry.kind = "robot:secret", kind
    with pytest.raises(ImageRefused, match="set registry in the project"):
        find(registry, "acme/shop:v1")
    with pytest.raises(ImageRefused) as refused:
        find(registry, "acme/shop:v1", Credentials("robot", "wrong-token"))
    assert "wrong-token" not in refused.value.detail
    assert find(registry, "acme/shop:v1", Credentials("robot", "secret")).bytes == 1000


def test_what_is_not_there(registry: RegistryServer) -> None:
    with pytest.raises(ImageNotFound, match="acme/shop:v2"):
        find(registry, "acme/shop:v2")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_that_fails_is_asked_again(registry: RegistryServer, status: int) -> None:
    registry.status = status
    with pytest.raises(RegistryUnavailable):
        find(registry, "acme/shop:v1")


def test_bytes_that_are_not_what_the_digest_names_are_refused(registry: RegistryServer) -> None:
    digest = registry.put_image("acme/shop:v1")
    other = registry.put_image("acme/shop:v2", 5)
    registry.manifests[f"acme/shop:{digest}"] = registry.manifests[f"acme/shop:{other}"]
    with pytest.raises(ImageRefused, match="other bytes"):
        find(registry, f"acme/shop@{digest}")


def test_a_private_address_is_not_asked() -> None:
    with pytest.raises(AddressRefused):
        find_image(parse_reference("10.0.0.1:5000/acme/shop"), Guard())


def _entry(digest: str, architecture: str = "amd64") -> dict[str, object]:
    return {"digest": digest, "platform": {"os": "linux", "architecture": architecture}}
