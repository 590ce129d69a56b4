"""The one error of staging."""


class StagingError(Exception):
    """The app cannot be staged; the text names the file, the reason and the next step."""
