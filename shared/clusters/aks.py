"""Access to AKS: the kubeconfig that Azure gives, and Entra tokens that are fresh.

What is done in the cluster is ``kubernetes``' business; this is where its configuration is from.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.clusters.errors import ClusterRefused
from shared.clusters.kubernetes import access
from shared.config import MissingSetting, Settings
from shared.errors import Unavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.exceptions import HttpResponseError
    from kubernetes.client import Configuration

_SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default"
"""AKS's API servers as Entra knows them, in each cloud the same."""

_EARLY_SECONDS = 300.0


def aks_access(settings: Settings) -> "AksAccess":
    """Access to the cluster that the settings name; raises MissingSetting for all at once."""
    needed = {
        "AZURE_SUBSCRIPTION_ID": settings.azure_subscription,
        "AZURE_RESOURCE_GROUP": settings.azure_resource_group,
        "AKS_CLUSTER": settings.aks_cluster,
    }
    if absent := [name for name, value in needed.items() if not value]:
        raise MissingSetting(f"{', '.join(absent)} not set: CLUSTER=aks needs it")
    return AksAccess(
        settings.azure_subscription,
        settings.azure_resource_group,
        settings.aks_cluster,
        settings.azure_management,
    )


class AksAccess:
    """Reads a cluster's access from Azure each time it is called: that is on first use, and when
    the cluster has refused what was read before. ``options`` are those of the SDK's client."""

    def __init__(
        self,
        subscription: str,
        resource_group: str,
        cluster: str,
        management: str = "https://management.azure.com",
        credential: "Callable[[], TokenCredential] | None" = None,
        **options: Any,
    ) -> None:
        self._subscription = subscription
        self._resource_group = resource_group
        self._cluster = cluster
        self._management = management.rstrip("/")
        self._credential = credential or _default_credential
        self._options = options
        self._place = f"what Azure gives for the cluster {cluster}: see whether it has been made"

    def __call__(self) -> "Configuration":
        """A configuration that puts a token in each request which is valid then."""
        # A new one each time: the cache of the last one may hold a token that was revoked.
        credential = self._credential()
        kubeconfig, wants_token = self._kubeconfig(credential)
        config = access.from_content(kubeconfig, self._place)
        if wants_token:
            tokens = _Tokens(credential)
            tokens.put_into(config)
            # Called before each request.
            setattr(config, "refresh_api_key_hook", tokens.put_into)  # noqa: B010 - typed as None
        return config

    def _kubeconfig(self, credential: "TokenCredential") -> tuple[dict[str, Any], bool]:
        """What Azure gives, and whether a token of ours belongs into it."""
        import yaml  # type: ignore[import-untyped]
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
        from azure.mgmt.containerservice import ContainerServiceClient

        try:
            with ContainerServiceClient(
                credential,
                self._subscription,
                base_url=self._management,
                credential_scopes=[f"{self._management}/.default"],
                retry_total=0,
                **self._options,
            ) as client:
                found = client.managed_clusters.list_cluster_user_credentials(
                    self._resource_group, self._cluster
                )
        except ClientAuthenticationError as error:
            raise _unsigned(error) from error
        except HttpResponseError as error:
            raise self._refused(error) from error
        except AzureError as error:
            raise Unavailable(
                f"Azure Resource Manager does not answer ({type(error).__name__}): it is asked"
                " again"
            ) from error
        if not found.kubeconfigs:
            raise Unavailable(f"Azure gives no access to the cluster {self._cluster} yet")
        with access.readable(self._place):
            content: dict[str, Any] = yaml.safe_load(bytes(found.kubeconfigs[0].value or b"{}"))
            wants_token = _take_out_programs(content)
        return content, wants_token

    def _refused(self, error: "HttpResponseError") -> Exception:
        status = error.status_code or 0
        code = error.error.code if error.error else None
        if status == 404:
            return ClusterRefused(
                f"Azure knows no AKS cluster {self._cluster} in the resource group"
                f" {self._resource_group} ({code}): see AKS_CLUSTER, AZURE_RESOURCE_GROUP and"
                " AZURE_SUBSCRIPTION_ID"
            )
        if status == 403:
            return ClusterRefused(
                f"The platform's identity may not read the access to the cluster {self._cluster}"
                f" ({code}): give it the role Azure Kubernetes Service Cluster User there"
            )
        if status in (408, 409, 429) or status >= 500:
            answer: Any = error.response
            after = answer.headers.get("Retry-After")
            return Unavailable(
                f"Azure Resource Manager answers {status} ({code}): it is asked again",
                headers={"Retry-After": after} if after else {},
            )
        return ClusterRefused(
            f"Azure Resource Manager does not take our request for the cluster {self._cluster}"
            f" ({status} {code}): see AZURE_MANAGEMENT_URL and the other settings of AKS"
        )


class _Tokens:
    """Puts a token into a configuration before each request; a new one in good time."""

    def __init__(self, credential: "TokenCredential") -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def put_into(self, config: "Configuration") -> None:
        """The header of the next request."""
        config.api_key["authorization"] = self._fresh()
        config.api_key_prefix["authorization"] = "Bearer"

    def _fresh(self) -> str:
        from azure.core.exceptions import AzureError

        with self._lock:
            if time.time() < self._until:
                return self._token
            try:
                token = self._credential.get_token(_SCOPE)
            except AzureError as error:
                raise _unsigned(error) from error
            self._token, self._until = token.token, token.expires_on - _EARLY_SECONDS
            return self._token


def _take_out_programs(kubeconfig: dict[str, Any]) -> bool:
    """Whether users sign in by a program, which is not here and is not needed: a token of ours
    takes its place. A cluster with local accounts has certificates, and these are used."""
    found = False
    for entry in kubeconfig.get("users") or ():
        user = entry.get("user") or {}
        for program in ("exec", "auth-provider"):
            found = user.pop(program, None) is not None or found
        entry["user"] = user
    return found


def _unsigned(error: Exception) -> Unavailable:
    return Unavailable(
        f"Azure gives the platform no token ({type(error).__name__}): see whether its managed"
        " identity is there, or sign in with `az login`; it is asked again"
    )


def _default_credential() -> "TokenCredential":
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
