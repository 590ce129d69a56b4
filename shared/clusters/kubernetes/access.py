"""From a kubeconfig to what the client is opened with; one that cannot be read is told as that.

Where it is from, a file or Azure, is the caller's business. What stands in it is never told: it
may hold tokens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.errors import Unavailable

if TYPE_CHECKING:
    from kubernetes.client import Configuration


def from_file(path: str) -> "Configuration":
    """The access of a file's current context; raises Unavailable."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

    config = Configuration()
    with readable(f"KUBECONFIG ({path}): see whether the file is there and has a current context"):
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=path, client_configuration=config
        )
    return config


def from_content(content: dict[str, Any], place: str) -> "Configuration":
    """The access of a kubeconfig's content; raises Unavailable."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config_from_dict

    config = Configuration()
    with readable(place):
        load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            content, client_configuration=config
        )
    return config


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Turn what readers of kubeconfigs raise into one error of ours."""
    import yaml  # type: ignore[import-untyped]
    from kubernetes.config import ConfigException

    try:
        yield
    # The reader looks into what it has found without checking its shape.
    except (
        ConfigException,
        yaml.YAMLError,
        OSError,
        TypeError,
        AttributeError,
        ValueError,
    ) as error:
        raise Unavailable(
            f"The access to the cluster cannot be read ({type(error).__name__}) from {place}; it is"
            " asked again"
        ) from error
