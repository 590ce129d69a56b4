"""How a server runs: settings, ``Procfile`` and Dockerfile, and what is refused in them."""

import pytest

from shared.detection.cron import problem_of
from shared.detection.errors import (
    BrokenFile,
    DetectionFailed,
    DockerfileMissing,
    UnknownSetting,
    WrongSetting,
)
from shared.detection.run_settings import HealthCheck, Scaling, Schedule, Worker
from shared.detection.settings import FILE, BuildSettings, read_file
from tests.unit.detection.sources import package, spec_of, vite

SERVER = {
    "package.json": package("express", scripts={"start": "node server.js"}),
    "server.js": "require('express')().listen(process.env.PORT)",
}
FULL = """
port = 3000
release = "node migrate.js"
release_seconds = 900
stop_seconds = 20
[readiness]
path = "/ready?full=1"
grace_seconds = 30
[liveness]
path = "/live"
port = 9000
[scaling]
minimum = 2
maximum = 5
cpu_percent = 70
idle_minutes = 15
[workers.mail]
command = "node mail.js"
replicas = 2
[schedules.night]
cron = "30 4 * * mon-fri"
command = "node clean.js"
"""


def test_every_key_of_a_server_reaches_the_build_spec_with_its_reason() -> None:
    spec = spec_of(SERVER | {FILE: FULL})
    assert (spec.port, spec.release, spec.release_seconds) == (3000, "node migrate.js", 900)
    assert spec.readiness == HealthCheck(path="/ready?full=1", grace_seconds=30)
    assert spec.liveness == HealthCheck(path="/live", port=9000)
    assert spec.scaling == Scaling(minimum=2, maximum=5, cpu_percent=70, idle_minutes=15)
    assert spec.workers == {"mail": Worker(command="node mail.js", replicas=2)}
    night = Schedule(cron="30 4 * * mon-fri", command="node clean.js")
    assert (spec.schedules, spec.stop_seconds) == ({"night": night}, 20)
    for key in read_file(FULL).model_fields_set:
        assert spec.reasons[key].origin == "astrocloud.toml"
        assert spec.reasons[key].text == f"{key} in astrocloud.toml"
    assert spec.reasons["workers"].value == ["mail: node mail.js (2 replicas)"]
    assert spec.reasons["schedules"].value == ["night: 30 4 * * mon-fri node clean.js"]
    assert "2 to 5 replicas" in str(spec.reasons["scaling"].value)
    assert "GET /live at port 9000" in str(spec.reasons["liveness"].value)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_of_a_table_the_first_place_that_has_it_counts_as_a_whole() -> None:
    project = BuildSettings(scaling=Scaling(minimum=3, maximum=9), port=1000)
    files = SERVER | {FILE: "[scaling]\nmaximum = 4\n"}
    spec = spec_of(files, project=project)
    assert (spec.scaling, spec.port) == (Scaling(minimum=1, maximum=4), 1000)
    assert spec.reasons["port"].origin == "project"
    spec = spec_of(files, project=project, user=BuildSettings(scaling=Scaling(maximum=2)))
    assert spec.scaling == Scaling(maximum=2)
    assert spec.reasons["scaling"].origin == "user"


def test_settings_of_a_server_have_no_effect_on_plain_files_and_that_is_said() -> None:
    spec = spec_of(vite(astrocloud__toml="port = 80\n[scaling]\nmaximum = 2\n"))
    assert (spec.port, spec.scaling) == (None, None)
    assert any(text.startswith("port and scaling are for servers") for text in spec.warnings)


WRONG = [
    ("port = 0", "port", "“0” is not possible: it is 1 to 65535"),
    ("port = 65536", "port", "it is 1 to 65535"),
    ("port = true", "port", "a whole number, not true"),
    ("port = '80'", "port", "a whole number, not text"),
    ("[scaling]\nminimum = 5\nmaximum = 2", "scaling", "minimum (5) is above maximum (2)"),
    ("[scaling]\nminimum = 0", "scaling.minimum", "it is 1 to 100"),
    ("[scaling]\ncpu_percent = 99", "scaling.cpu_percent", "it is 10 to 95"),
    ("scaling = 3", "scaling", "a table with minimum and maximum, not a number"),
    ("[workers]\nmail = 'x'", "workers.mail", "a table with command and replicas, not text"),
    ("[workers.mail]\nreplicas = 1", "workers.mail.command", "needed here"),
    ("[workers.mail]\ncommand = 3", "workers.mail.command", "text, not a number"),
    ("[workers.Mail_1]\ncommand = 'x'", "workers.Mail_1", "lower-case letters"),
    ("[workers.web]\ncommand = 'x'", "workers", "“web” is the server itself: set start"),
    ("[schedules.a]\ncron = '* *'\ncommand = 'x'", "schedules.a.cron", "has 2 fields and needs 5"),
    ("[schedules.a]\ncron = '61 * * * *'\ncommand = 'x'", "schedules.a.cron", "minute “61”"),
    ("[readiness]\npath = 'health'", "readiness.path", "has to begin with /"),
    ("[readiness]\npath = '/a b'", "readiness.path", "hold no space"),
    ("readiness = '/x'", "readiness", 'a table such as { path = "/" }, not text'),
    ("[liveness]\nperiod_seconds = 0.5", "liveness.period_seconds", "not a fraction"),
    ("release_seconds = 3601", "release_seconds", "it is 1 to 3600"),
    ("stop_seconds = 0", "stop_seconds", "it is 1 to 600"),
    ("release = 3", "release", "text or false, not a number"),
    ("dockerfile = true", "dockerfile", "text or false, not true"),
]


@pytest.mark.parametrize(("text", "field", "words"), WRONG)
def test_a_wrong_value_is_refused_by_the_name_of_its_key(text: str, field: str, words: str) -> None:
    with pytest.raises(WrongSetting) as caught:
        read_file(text)
    assert [problem.field for problem in caught.value.fields] == [field]
    assert words in caught.value.fields[0].reason


@pytest.mark.parametrize(
    ("text", "field", "meant"),
    [
        ("[scaling]\nmin = 1", "scaling.min", "minimum"),
        ("[workers.mail]\ncommand = 'x'\ncount = 2", "workers.mail.count", "replicas"),
        ("[schedules.a]\ncommand = 'x'\ncron='* * * * *'\nschedul = 1", "schedules.a.schedul",
         "schedule"),
        ("[readiness]\ntimeout = 1", "readiness.timeout", "timeout_seconds"),
        ("releaseCommand = 'x'", "releaseCommand", "release"),
        ("healthCheckPath = '/'", "healthCheckPath", "readiness"),
    ],
)  # fmt: skip
def test_a_key_that_does_not_exist_is_told_with_the_one_that_is_meant(
    text: str, field: str, meant: str
) -> None:
    with pytest.raises(UnknownSetting) as caught:
        read_file(text)
    assert [problem.field for problem in caught.value.fields] == [field]
    assert f"“{meant}” is meant" in caught.value.fields[0].reason or meant == "schedule"


@pytest.mark.parametrize(
    "line",
    ["* * * * *", "*/5 0-6,20 1 JAN,feb mon-fri", "0 0 29 2 *", "5/10 * * * *", "0 0 31 2 0"],
)
def test_a_cron_line_of_five_fields_is_good(line: str) -> None:
    assert problem_of(line) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "0 fields and needs 5"), ("* * * * * *", "seconds and years are not possible"),
        ("@daily", "write 0 0 * * *"), ("@reboot", "is no cron line"),
        ("60 * * * *", "minute “60”: it can be 0 to 59"),
        ("0 24 * * *", "hour “24”: it can be 0 to 23"),
        ("0 0 0 * *", "day of the month “0”: it can be 1 to 31"),
        ("0 0 * 13 *", "month “13”: it can be 1 to 12"), ("0 0 * * 7", "Sunday is 0"),
        ("0 0 * * fri-mon", "a range goes upwards"), ("*/0 * * * *", "a step can be 1 to 59"),
        ("0,, * * * *", "a list (1,2)"), ("0 0 L * *", "it can be 1 to 31, or *"),
        ("H * * * *", "it can be 0 to 59, or *"), ("0 0 30 2 *", "that day never comes"),
    ],
)  # fmt: skip
def test_a_wrong_cron_line_is_told_with_its_field_and_an_example(line: str, words: str) -> None:
    problem = problem_of(line)
    assert problem is not None
    assert words in problem
    assert line.startswith("@") or "for example 30 4 * * *" in problem


PROCFILE = "# processes\nrelease: node migrate.js\nweb: node web.js\nMail_Out: node mail.js\n"


def test_a_procfile_names_server_release_and_workers() -> None:
    spec = spec_of(SERVER | {"Procfile": PROCFILE})
    assert (spec.start, spec.release) == ("node web.js", "node migrate.js")
    assert spec.workers == {"mail-out": Worker(command="node mail.js")}
    assert spec.reasons["start"].text == "web in Procfile"
    assert spec.reasons["release"].text == "release in Procfile"
    assert spec.reasons["workers"].value == ["mail-out: node mail.js"]


def test_astrocloud_toml_goes_before_the_procfile() -> None:
    text = 'start = "node own.js"\nrelease = false\n[workers.a]\ncommand = "x"\n'
    spec = spec_of(SERVER | {"Procfile": PROCFILE, FILE: text})
    assert (spec.start, spec.release, list(spec.workers)) == ("node own.js", None, ["a"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("web: x\nnonsense\n", "line 2: “nonsense” is no process: write name: command"),
        ("web: x\n\n9a: y\n", "line 3: the name “9a”"),
        ("web: x\nweb: y\n", "line 2: web is named twice"),
        ("web:\n", "line 1: “web:” is no process"),
        ("web: " + "x" * 2000, "line 1: the command is too long"),
        ("".join(f"a{n}: x\n" for n in range(30)), "more than 22 processes"),
    ],
)
def test_a_wrong_line_of_a_procfile_is_told_with_its_number(text: str, words: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        spec_of(SERVER | {"Procfile": text})
    assert caught.value.detail.startswith("Procfile cannot be read: ")
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("files", "manager"),
    [
        ({"package.json": package()}, "npm"),
        ({"requirements.txt": "x\n"}, "pip"),
        ({}, None),
    ],
)
def test_a_procfile_alone_gets_the_language_that_the_files_are_of(
    files: dict[str, str], manager: str | None
) -> None:
    spec = spec_of({"Procfile": "web: ./run\n", **files})
    assert (spec.framework, spec.start, spec.package_manager) == ("procfile", "./run", manager)


DOCKERFILE = "FROM node:24 AS base\nEXPOSE 53/udp 4000\nFROM base AS web\nCMD node server.js\n"


def test_a_dockerfile_goes_before_a_server_that_is_known_until_it_is_turned_off() -> None:
    files = SERVER | {"Dockerfile": DOCKERFILE}
    spec = spec_of(files)
    assert (spec.framework, spec.dockerfile, spec.port) == ("dockerfile", "Dockerfile", 4000)
    assert (spec.install, spec.build, spec.start) == (None, None, None)
    assert spec.alternatives == ("express",)
    assert "dockerfile = false turns it off" in spec.reasons["framework"].text
    assert spec.reasons["port"].text == "EXPOSE in Dockerfile"
    for settings in (BuildSettings(dockerfile=False), BuildSettings(framework="express")):
        spec = spec_of(files, user=settings)
        assert (spec.framework, spec.dockerfile, spec.start) == ("express", None, "node server.js")


def test_a_dockerfile_beside_plain_files_is_used_where_it_is_set() -> None:
    files = vite() | {"docker/web.Dockerfile": DOCKERFILE}
    spec = spec_of(files, user=BuildSettings(dockerfile="docker/web.Dockerfile", target="base"))
    assert (spec.framework, spec.kind, spec.target) == ("dockerfile", "dynamic", "base")
    assert spec.dockerfile == "docker/web.Dockerfile"
    assert (spec.port, spec.reasons["dockerfile"].origin) == (4000, "user")
    spec = spec_of(files, user=BuildSettings(dockerfile="docker/web.Dockerfile", start="x", port=7))
    assert (spec.start, spec.port) == ("x", 7)


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        (BuildSettings(dockerfile="Dockerfil"), "dockerfile", "Dockerfil, but the source has no"),
        (BuildSettings(dockerfile="../x"), "dockerfile", "../x, but the source has no"),
        (BuildSettings(target="wbe"), "target", "target is wbe, but Dockerfile has no such stage"),
    ],
)
def test_a_dockerfile_or_stage_that_is_not_there_is_named(
    settings: BuildSettings, field: str, words: str
) -> None:
    with pytest.raises(DockerfileMissing) as caught:
        spec_of({"Dockerfile": DOCKERFILE}, user=settings)
    assert [problem.field for problem in caught.value.fields] == [field]
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it has no FROM"),
        ("RUN x\n", "line 1: RUN stands before the first FROM"),
        ("FROM a\n\nRUNN x\n", "line 3: RUNN is no instruction; RUN is meant, perhaps"),
        ("FROM\n", "line 1: FROM needs an image"),
        ("FROM a\n" * 101, "more than 100 stages"),
    ],
)
def test_text_that_is_no_dockerfile_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        spec_of({"Dockerfile": text})
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("from a\nexpose 80/tcp\n", 80),
        ("FROM a\nENV PORT=4000\nEXPOSE ${PORT}\n", 4000),
        ("FROM a\nEXPOSE ${PORT:-81}\n", 81),
        ("FROM a\nEXPOSE 53/udp\n", None),
        ("FROM a\nEXPOSE 99999 8000-8010\n", 8000),
        ("FROM a\nEXPOSE 1\nFROM b\n", None),
        ("FROM a\nRUN <<END\nEXPOSE 1\nEND\nEXPOSE 2\n", 2),
        ("# escape=`\nFROM a\nRUN x `\n  y\nEXPOSE 3\n", 3),
        ("# syntax=example/other\nFROM a\nSPECIAL x\nEXPOSE 4\n", 4),
    ],
)
def test_the_first_tcp_port_that_the_last_stage_exposes_is_taken(
    text: str, port: int | None
) -> None:
    spec = spec_of({"Dockerfile": text})
    assert (spec.port, spec.reasons["port"].value) == (port, port)


@pytest.mark.parametrize("text", ["FROM a\nEXPOSE " + "$" * 9000, "FROM " + "--a " * 9000])
def test_a_hostile_dockerfile_costs_no_more_than_reading_it(text: str) -> None:
    try:
        assert spec_of({"Dockerfile": text}).port is None
    except DetectionFailed as error:
        assert "FROM needs an image" in error.detail  # noqa: PT017
