"""Sealing: contexts, keys, rotation, and messages that tell nothing."""

import pytest
from cryptography.fernet import Fernet

from shared.config import MissingSetting
from shared.crypto import Crypto, Unreadable

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_what_was_sealed_opens_in_its_context_only() -> None:
    """A value that was moved into another row is refused, and the message has no part of it."""
    crypto = Crypto([NEW])
    sealed = crypto.seal("variable 1 of account 2", "hunter2-hunter2")

    assert "hunter2" not in sealed
    assert crypto.open("variable 1 of account 2", sealed) == "hunter2-hunter2"
    with pytest.raises(Unreadable, match="the variable TOKEN belongs to something else") as caught:
        crypto.open("variable 3 of account 2", sealed, "the variable TOKEN")
    assert "hunter2" not in str(caught.value)


def test_an_older_key_opens_until_it_is_taken_away() -> None:
    """Rotation: add a key, seal again, take the old one away."""
    sealed = Crypto([OLD]).seal("c", "text")
    both = Crypto([NEW, OLD])
    again = both.rotate(sealed)

    assert both.open("c", sealed) == "text"
    assert not both.is_current(sealed)
    assert both.is_current(again)
    assert Crypto([NEW]).open("c", again) == "text"
    with pytest.raises(Unreadable, match="bring the missing key back"):
        Crypto([NEW]).rotate(sealed)


@pytest.mark.parametrize("damage", ["", "x", "deadbeef.", "deadbeef.gAAAA", "ünlesbar"])
def test_a_damaged_text_is_told_as_such(damage: str) -> None:
    """Whatever stands in the row, the error names the variable and the next step."""
    with pytest.raises(Unreadable, match=r"opens the variable TOKEN: .* set anew"):
        Crypto([NEW]).open("c", damage, "the variable TOKEN")


def test_wrong_keys_are_named_by_their_setting_and_not_shown() -> None:
    """An installation without keys, or with something else, does not start."""
    with pytest.raises(MissingSetting, match="ENCRYPTION_KEYS"):
        Crypto([])
    with pytest.raises(MissingSetting, match="ENCRYPTION_KEYS") as caught:
        Crypto(["my-own-password"])
    assert "password" not in str(caught.value)


def test_fingerprints_are_equal_for_equal_texts_under_one_key_and_context() -> None:
    """Nobody without the key can check a guess."""
    crypto = Crypto([NEW, OLD])

    assert crypto.fingerprint("a", "x") == Crypto([NEW]).fingerprint("a", "x")
    different = {
        crypto.fingerprint("a", "x"),
        crypto.fingerprint("a", "y"),
        crypto.fingerprint("b", "x"),
        Crypto([OLD]).fingerprint("a", "x"),
    }
    assert len(different) == 4


def test_json_keeps_its_shape() -> None:
    """What a snapshot holds comes back as it was."""
    crypto = Crypto([NEW])
    value = {"A": ["ü\n\u2028", True, "all"]}

    assert crypto.open_json("c", crypto.seal_json("c", value)) == value
