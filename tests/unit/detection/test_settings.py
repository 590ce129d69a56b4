"""``astrocloud.toml`` and other settings: what wins, and what is refused with which words."""

from pathlib import Path

import pytest

from shared.detection.errors import (
    BrokenFile,
    DetectionFailed,
    RootMissing,
    UnknownSetting,
    WrongSetting,
)
from shared.detection.settings import FILE, KEYS, BuildSettings, read_file, validated
from tests.unit.detection.sources import PAGE, package, spec_of, vite

FULL = """
framework = "vite"
kind = "static"
root = "app"
package_manager = "pnpm"
install = "pnpm install"
build = "pnpm run make"
output = "www"
fallback = false
node = 22
watch = ["app/**", "!**/*.md"]
ignore = "git diff --quiet HEAD^ HEAD -- app"

[[cache]]
path = "/fonts/*"
policy = "immutable"
"""


def test_every_key_of_the_file_reaches_the_build_spec() -> None:
    files = {f"app/{name}": text for name, text in vite().items()} | {FILE: FULL}
    spec = spec_of(files)
    assert (spec.root, spec.package_manager, spec.install) == ("app", "pnpm", "pnpm install")
    assert (spec.build, spec.output, spec.fallback, spec.node) == (
        "pnpm run make",
        "www",
        None,
        "22",
    )
    assert spec.watch == ("app/**", "!**/*.md")
    assert spec.ignore == "git diff --quiet HEAD^ HEAD -- app"
    assert [(rule.path, rule.policy) for rule in spec.cache] == [
        ("/fonts/*", "immutable"),
        ("/assets/*", "immutable"),
    ]
    for key in read_file(FULL).model_fields_set:
        assert spec.reasons[key].origin == "astrocloud.toml"
        assert spec.reasons[key].text.startswith(f"{key} in astrocloud.toml")


def test_this_deployment_goes_before_the_file_and_the_file_before_the_project() -> None:
    files = vite(astrocloud__toml='build = "make file"\noutput = "file"\n')
    project = BuildSettings(build="make project", output="project", install="make tools")
    spec = spec_of(files, project=project, user=BuildSettings(output="user"))
    assert (spec.output, spec.build, spec.install) == ("user", "make file", "make tools")
    origins = {key: spec.reasons[key].origin for key in ("output", "build", "install", "kind")}
    assert origins == {
        "output": "user",
        "build": "astrocloud.toml",
        "install": "project",
        "kind": "detected",
    }


def test_a_file_in_the_apps_folder_goes_before_the_one_at_the_top() -> None:
    files = {f"web/{name}": text for name, text in vite().items()}
    files |= {FILE: 'root = "web"\noutput = "top"\nnode = 20\n', f"web/{FILE}": 'output = "near"\n'}
    spec = spec_of(files)
    assert (spec.root, spec.output, spec.node) == ("web", "near", "20")
    assert spec.reasons["output"].text == "output in web/astrocloud.toml"
    with pytest.raises(WrongSetting, match="only the file at the top"):
        spec_of(files | {f"web/{FILE}": 'root = "web"\n'})


def test_a_step_can_be_turned_off() -> None:
    spec = spec_of(vite(astrocloud__toml="install = false\nbuild = false\n"))
    assert (spec.install, spec.build) == (None, None)


def test_a_set_build_command_also_decides_what_is_detected() -> None:
    files = {"package.json": package("nuxt", build="nuxt build")}
    assert spec_of(files).kind == "dynamic"
    assert spec_of(files, user=BuildSettings(build="npx nuxt generate")).kind == "static"
    spec = spec_of(vite(), user=BuildSettings(build="npx vite build --outDir www"))
    assert spec.output == "www"
    spec = spec_of(files, user=BuildSettings(kind="static"))
    assert (spec.kind, spec.build, spec.output) == ("static", "npx nuxt generate", ".output/public")


def test_a_framework_can_be_set() -> None:
    files = {"package.json": package("vite", "storybook", build="vite build"), "index.html": PAGE}
    assert spec_of(files).framework == "vite"
    assert spec_of(files).alternatives == ("storybook",)
    spec = spec_of(files, user=BuildSettings(framework="storybook"))
    assert (spec.framework, spec.build) == ("storybook", "npx storybook build")
    with pytest.raises(WrongSetting, match="“nextjs” is meant, perhaps"):
        spec_of(files, user=BuildSettings(framework="next.js"))


@pytest.mark.parametrize(
    ("text", "kind", "field", "words"),
    [
        ('biuld = "x"', UnknownSetting, "biuld", "“build” is meant, perhaps"),
        ('outputDirectory = "x"', UnknownSetting, "outputDirectory", "“output” is meant"),
        ('publish = "x"', UnknownSetting, "publish", "“output” is meant"),
        ('zzz = "x"', UnknownSetting, "zzz", "there are framework, kind, root"),
        ("[build]\ncommand = 'x'", WrongSetting, "build", "text or false, not a table"),
        ("build = 3", WrongSetting, "build", "it has to be text or false, not a number"),
        ("build = true", WrongSetting, "build", "not true"),
        ('build = ""', WrongSetting, "build", "it is empty"),
        ('kind = "server"', WrongSetting, "kind", "“server” is not possible: it is one of static"),
        (
            'package_manager = "cnpm"',
            WrongSetting,
            "package_manager",
            "one of npm, pnpm, yarn or bun",
        ),
        ("output = ['x']", WrongSetting, "output", "it has to be text, not a list"),
        ('root = "../x"', WrongSetting, "root", "within the source"),
        ('root = "/etc"', WrongSetting, "root", "within the source"),
        ('fallback = "200.html"', WrongSetting, "fallback", "has to begin with /"),
        ("node = [20]", WrongSetting, "node", "text or a whole number, not a list"),
        ("watch = 'x'", WrongSetting, "watch", "a list of texts, not text"),
        ("watch = [1]", WrongSetting, "watch[0]", "not a number"),
        ("[[cache]]\npath = '/x'\npolicy = 'ever'", WrongSetting, "cache[0].policy", "“ever”"),
        ("[[cache]]\npath = '/x'", WrongSetting, "cache[0].policy", "needed here"),
        (
            "[[cache]]\npath='/'\npolicy='immutable'\nfor=1",
            UnknownSetting,
            "cache[0].for",
            "no such",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_file_key_reason_and_next_step(
    text: str, kind: type[DetectionFailed], field: str, words: str
) -> None:
    with pytest.raises(kind) as caught:
        spec_of(vite(astrocloud__toml=text))
    assert [problem.field for problem in caught.value.fields] == [field]
    assert words in caught.value.fields[0].reason
    assert caught.value.detail.startswith(f"astrocloud.toml is not accepted: {field}: ")
    assert caught.value.detail.endswith("Next: correct it.")
    assert caught.value.status == 422


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(UnknownSetting) as caught:
        read_file('biuld = "x"\nnode = [1]\nkind = "x"\n')
    assert {problem.field for problem in caught.value.fields} == {"biuld", "node", "kind"}


def test_broken_toml_names_the_place() -> None:
    with pytest.raises(BrokenFile, match=r"astrocloud\.toml cannot be read: .*line 1"):
        spec_of(vite(astrocloud__toml="build = \n"))


def test_settings_of_a_project_are_checked_with_the_same_words() -> None:
    with pytest.raises(UnknownSetting, match=r"^the project's settings is not accepted: ouptut"):
        validated({"ouptut": "x"}, "the project's settings")


def test_a_root_that_is_not_there_is_said() -> None:
    with pytest.raises(
        RootMissing, match=r"root in astrocloud\.toml is web, but the source has no"
    ):
        spec_of(vite(astrocloud__toml='root = "web"'))


def test_an_output_outside_of_the_source_is_refused() -> None:
    with pytest.raises(WrongSetting, match="outside of the source"):
        spec_of(vite(astrocloud__toml='output = "../../etc"'))
    files = {f"web/{name}": text for name, text in vite().items()}
    spec = spec_of(files, user=BuildSettings(root="web", output="../www"))
    assert (spec.root, spec.output) == ("web", "../www")


def test_the_page_on_the_file_names_every_key() -> None:
    page = (Path(__file__).parents[3] / "docs" / "astrocloud-toml.md").read_text("utf-8")
    for key in KEYS:
        description = BuildSettings.model_fields[key].description
        assert description
        assert f"| `{key}` |" in page
        assert description in page, f"the page says something else of {key}"
    example = page.split("```toml\n")[1].split("```")[0]
    assert read_file(example).model_fields_set


def test_a_kind_that_the_project_does_not_make_is_warned_of() -> None:
    files = {"package.json": package("next", build="next build")}
    spec = spec_of(files, user=BuildSettings(kind="static"))
    assert (spec.kind, spec.output, spec.start) == ("static", "out", None)
    assert any(text.startswith("kind is static, but next build makes") for text in spec.warnings)
