"""Only where it is certain which files an install command reads are they told."""

import json

import pytest

from shared.builders.dockerfiles import manifest_files
from shared.detection.build_spec import BuildSpec
from shared.detection.tree import FilesTree, Source


def _files(files: dict[str, str], **values: object) -> tuple[str, ...]:
    spec = {
        "framework": "vite", "kind": "static", "node": "22", "install": "npm ci", "reasons": {},
        **values,
    }  # fmt: skip
    return manifest_files(Source(FilesTree(files)), BuildSpec.model_validate(spec))


def _package(**values: object) -> str:
    return json.dumps({"name": "x", "dependencies": {"vite": "^7"}, **values})


def test_package_and_lock_file_suffice_for_a_plain_project() -> None:
    files = {"package.json": _package(), "package-lock.json": "{}", ".npmrc": "", "src/a.js": ""}
    assert set(_files(files)) == {"package.json", "package-lock.json", ".npmrc"}


def test_they_are_told_from_the_folder_of_the_install_command() -> None:
    files = {"web/package.json": _package(), "web/pnpm-lock.yaml": "", "package.json": _package()}
    found = _files(files, install="pnpm install --frozen-lockfile", install_directory="web")
    assert set(found) == {"web/package.json", "web/pnpm-lock.yaml"}


@pytest.mark.parametrize(
    "package",
    [
        _package(workspaces=["packages/*"]),
        _package(scripts={"postinstall": "node setup.js"}),
        _package(scripts={"prepare": "husky"}),
        _package(dependencies={"a": "file:../a"}),
        _package(devDependencies={"a": "workspace:*"}),
        _package(dependencies={"a": "link:./a"}),
        _package(dependencies={"a": "./a"}),
        _package(dependencies={"a": "patch:a@1#x.patch"}),
        _package(overrides={"a": {"b": "file:b"}}),
        _package(pnpm={"patchedDependencies": {"a": "patches/a.patch"}}),
        "{broken",
        "[]",
    ],
)
def test_a_package_that_reads_more_at_install_needs_the_whole_source(package: str) -> None:
    assert _files({"package.json": package}) == ()


@pytest.mark.parametrize("name", ["pnpm-workspace.yaml", ".pnpmfile.cjs"])
def test_files_that_bring_more_need_the_whole_source(name: str) -> None:
    assert _files({"package.json": _package(), name: ""}, install="pnpm install") == ()


def test_a_yarn_of_the_project_needs_the_whole_source() -> None:
    files = {"package.json": _package(), ".yarnrc.yml": "yarnPath: .yarn/releases/yarn.cjs"}
    assert _files(files, install="yarn install --immutable") == ()


def test_a_command_of_the_users_own_needs_the_whole_source() -> None:
    assert _files({"package.json": _package()}, install="npm ci && make") == ()


def test_plain_requirements_suffice_for_pip() -> None:
    text = (
        "# docs\nmkdocs==1.6\nmkdocs-material[imaging]>=9,<10  # theme\n\nx; python_version<'4'\n"
    )
    found = _files({"requirements.txt": text}, node=None, install="pip install -r requirements.txt")
    assert found == ("requirements.txt",)


@pytest.mark.parametrize(
    "line",
    ["-e .", "-r other.txt", "-c limits.txt", "./package", "a @ file:///x", "--find-links x"],
)
def test_requirements_that_lead_elsewhere_need_the_whole_source(line: str) -> None:
    command = "pip install -r requirements.txt"
    assert _files({"requirements.txt": f"a\n{line}\n"}, node=None, install=command) == ()
