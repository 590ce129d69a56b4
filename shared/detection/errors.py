"""Why no build spec can be made of a source: one class a reason, naming file, key and next step."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import AstroCloudError, FieldProblem

# How many apps a message lists; all of them are in the error's candidates.
_LISTED = 12


class DetectionFailed(AstroCloudError):
    """The source cannot be built as it is; the same source will be refused again."""

    code, title, status = "detection_failed", "The source cannot be built", 422


class BrokenFile(DetectionFailed):
    """A file that decides about the build cannot be read: broken JSON, YAML or TOML."""

    code, title = "broken_file", "A file of the project cannot be read"

    def __init__(self, path: str, reason: str, next_step: str = "correct the file") -> None:
        detail = f"{path} cannot be read: {reason}. Next: {next_step}."
        super().__init__(detail, fields=[FieldProblem(path, reason)])


class UnknownSetting(DetectionFailed):
    """A key that does not exist, most often a typo."""

    code, title = "unknown_setting", "A setting does not exist"


class WrongSetting(DetectionFailed):
    """A key with a value that it cannot have."""

    code, title = "wrong_setting", "A setting has a value that it cannot have"


class RootMissing(DetectionFailed):
    """The root directory that was set holds no file."""

    code, title = "root_missing", "The root directory is not there"


class NothingToDeploy(DetectionFailed):
    """No page to show, nothing to build and nothing to start."""

    code, title = "nothing_to_deploy", "There is nothing to deploy"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An app within a repository of several."""

    root: str
    name: str
    framework: str
    kind: str


class SeveralApps(DetectionFailed):
    """A repository of several apps, and nobody said which: none is preselected."""

    code, title = "several_apps", "There are several apps"

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = tuple(candidates)
        listed = "; ".join(f"{c.root or '.'} ({c.name})" for c in self.candidates[:_LISTED])
        if len(self.candidates) > _LISTED:
            listed += f"; and {len(self.candidates) - _LISTED} more"
        super().__init__(
            f"The source holds several apps and none is chosen: {listed}. Next: set root to one of"
            " these folders, in the project's settings or in astrocloud.toml.",
            fields=[FieldProblem("root", "one of several folders has to be chosen")],
        )


class DockerfileMissing(DetectionFailed):
    """The Dockerfile that was set, or its stage, is not there."""

    code, title = "dockerfile_missing", "The Dockerfile is not there"


class StartMissing(DetectionFailed):
    """A server that nobody says how to start."""

    code, title = "start_missing", "There is no start command"


class SeveralServers(DetectionFailed):
    """Two servers in one folder, and nothing says which one answers requests."""

    code, title = "several_servers", "There are several servers"

    def __init__(self, what: str, found: Sequence[str], setting: str, next_step: str) -> None:
        listed = ", ".join(found[:_LISTED])
        super().__init__(
            f"{what}: {listed}. Next: {next_step}.",
            fields=[FieldProblem(setting, "one of several servers has to be chosen")],
        )
