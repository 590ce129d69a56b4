"""What cannot be put into a Dockerfile."""

from shared.errors import AstroCloudError


class SpecNotSupported(AstroCloudError):
    """A build spec that no container can be made of; says which value and why."""

    code, title, status = "spec_not_supported", "This cannot be built in a container", 422
