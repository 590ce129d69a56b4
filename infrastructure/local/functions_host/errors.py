"""Why the host does not start, told in one sentence: thing, reason, next step."""


class HostError(Exception):
    """The app cannot be run; the text is all that the user needs to see."""


class Unsupported(HostError):
    """The app declares a feature that this host does not have."""

    def __init__(self, where: str, feature: str) -> None:
        super().__init__(
            f"{where}: {feature} is not supported by the local functions host; "
            "leave it out, or run the app with Core Tools (./dev up --host func)"
        )
