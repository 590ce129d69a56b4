"""Seals what must not be read from the database: variables, tokens of repositories.

A sealed text names its key and holds its context: moved into another row it cannot be opened.
Keys are Fernet keys, newest first: the newest seals, all of them open. Who seals again after a
rotation is upkeep's business (``shared.variables.service``).
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.config import MissingSetting
from shared.errors import AstroCloudError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_ID_LENGTH = 8
_KEY_BYTES = 32


class Unreadable(AstroCloudError):
    """A sealed text that none of the keys opens, or that belongs somewhere else."""

    code, title = "unreadable_secret", "A stored secret cannot be read"


class Crypto:
    """Seals and opens with the keys of this installation."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise MissingSetting("ENCRYPTION_KEYS holds no key: give one Fernet key at least")
        self._keys = [_checked(key) for key in keys]
        self._newest = urlsafe_b64decode(keys[0])
        self.key_id = hashlib.sha256(b"key id\0" + self._newest).hexdigest()[:KEY_ID_LENGTH]
        """Names the newest key and tells nothing of it; every sealed text begins with its key's."""

    @cached_property
    def _fernet(self) -> "MultiFernet":
        # Most processes that have just started are asked for nothing that is sealed.
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

    def seal(self, context: str, text: str) -> str:
        """The text, readable only with our keys and in this context: what it is, and whose."""
        return self._named(self._fernet.encrypt(json.dumps([context, text]).encode()))

    def open(self, context: str, sealed: str, name: str = "the value") -> str:
        """The text again; raises Unreadable, which calls it by ``name``."""
        from cryptography.fernet import InvalidToken

        try:
            opened = json.loads(self._fernet.decrypt(_token(sealed)))
        except InvalidToken:
            raise Unreadable(
                f"None of the keys in ENCRYPTION_KEYS opens {name}: the operators have to bring"
                " the missing key back, or the value has to be set anew"
            ) from None
        if opened[0] != context:
            raise Unreadable(
                f"What is stored for {name} belongs to something else: set the value anew"
            )
        text: str = opened[1]
        return text

    def seal_json(self, context: str, value: Any) -> str:
        """Like ``seal``, for anything that JSON holds."""
        return self.seal(context, json.dumps(value))

    def open_json(self, context: str, sealed: str, name: str = "the value") -> Any:
        """Like ``open``, for what ``seal_json`` sealed."""
        return json.loads(self.open(context, sealed, name))

    def is_current(self, sealed: str) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(f"{self.key_id}.")

    def rotate(self, sealed: str, name: str = "the value") -> str:
        """The same text in the same context, sealed with the newest key; raises Unreadable."""
        from cryptography.fernet import InvalidToken

        try:
            return self._named(self._fernet.rotate(_token(sealed)))
        except InvalidToken:
            raise Unreadable(
                f"None of the keys in ENCRYPTION_KEYS opens {name}: bring the missing key back"
            ) from None

    def fingerprint(self, context: str, text: str) -> str:
        """Equal for equal texts, and of no use to somebody who guesses them without our key."""
        key = hmac.digest(self._newest, f"fingerprint\0{context}".encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()

    def _named(self, token: bytes) -> str:
        return f"{self.key_id}.{token.decode()}"


def _token(sealed: str) -> bytes:
    return sealed[KEY_ID_LENGTH + 1 :].encode()


def _checked(key: str) -> str:
    """A key of Fernet, by its specification; said before anything is sealed with it."""
    try:
        size = len(urlsafe_b64decode(key))
    except ValueError:
        size = 0
    if size != _KEY_BYTES:
        raise MissingSetting(
            "ENCRYPTION_KEYS holds something that is no Fernet key: each is the URL-safe base64"
            " of 32 random bytes"
        )
    return key
