"""Settings, their example and their documentation say the same."""

import json
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from infrastructure.packaging import reference
from shared.config import MissingSetting, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]


def test_the_example_names_every_setting_and_no_other() -> None:
    """Whoever copies the example has all that the apps read."""
    declared = {field.metadata["name"] for field in fields(Settings)}

    assert set(EXAMPLE) == declared | {"FUNCTIONS_WORKER_RUNTIME"}


def test_the_example_shows_the_defaults() -> None:
    """A value in the example is the default where there is one, but for the environment."""
    for field in fields(Settings):
        if field.default is not MISSING and field.metadata["name"] != "ASTROCLOUD_ENVIRONMENT":
            default = field.default
            shown = ",".join(default) if isinstance(default, tuple) else str(default)
            assert EXAMPLE[field.metadata["name"]] == shown


def test_the_example_can_be_read() -> None:
    """It is a valid configuration but for its secrets."""
    settings = Settings.from_environment(EXAMPLE)

    assert settings.signing_keys == ("NEWEST_KEY", "OLDER_KEY")
    assert settings.is_local


def test_all_absent_settings_are_named_at_once() -> None:
    """Nobody should have to start an app once a setting to find out."""
    with pytest.raises(MissingSetting) as caught:
        Settings.from_environment({})

    for field in fields(Settings):
        assert (field.metadata["name"] in str(caught.value)) == (field.default is MISSING)


def test_a_number_that_is_none_is_refused_by_name() -> None:
    """The message names the setting and what it must be."""
    with pytest.raises(MissingSetting, match="DATABASE_POOL is 'many'"):
        Settings.from_environment({**EXAMPLE, "DATABASE_POOL": "many"})


def test_settings_do_not_show_their_secrets() -> None:
    """Printing the settings, as a traceback may, shows no value."""
    settings = Settings.from_environment(EXAMPLE)

    assert "PASSWORD" not in repr(settings)


def test_the_reference_pages_are_in_step() -> None:
    """Settings, limits and error codes are documented as they are declared."""
    assert reference.stale(ROOT) == []
