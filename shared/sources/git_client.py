"""Speaks Git's smart HTTP protocol by dulwich, over the guard; says why a server refuses."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, HangupException
from dulwich.objects import ObjectID
from dulwich.protocol import CAPABILITY_PACKFILE_URIS
from dulwich.refs import HEADREF

from shared.errors import AstroCloudError
from shared.sites.errors import shown
from shared.sources.errors import (
    AnswerTooLarge,
    GitNeedsCredentials,
    GitNotFound,
    GitRefused,
    GitUnavailable,
    NotGit,
    RefNotFound,
    RepositoryTooLarge,
)
from shared.sources.git import GitRequest
from shared.sources.guard import Answer, Credentials, Guard, Outgoing
from shared.sources.streams import Watch

_LISTING_BYTES = 32 * 1024 * 1024
_FRAMING = 1.05
"""A pack comes in packets, with the server's own progress between them."""
_AGENT = "git/2.40 (AstroCloud)"
_BEGINNING = 1000
_COMPLAINT = re.compile(rb"[0-9a-f]{4}ERR (.*)", re.DOTALL)
_NOT_OURS = re.compile(r"not our ref|unadvertised object|no such remote ref", re.IGNORECASE)


@dataclass(slots=True)
class Refs:
    """What a server says it has: ids by full name, and what HEAD stands for."""

    ids: dict[str, str] = field(default_factory=dict)
    head: str | None = None


class GitClient:
    """Fetches one commit of one repository."""

    def __init__(self, url: str, request: GitRequest, guard: Guard, watch: Watch) -> None:
        self._url = url
        self._request = request
        self._client = _Client(url, request, guard, watch)

    def fetch(self, choose: Callable[[Refs], str], receive: Callable[[bytes], int]) -> str:
        """Receive the pack of the id that ``choose`` picks; returns that id."""
        chosen: list[str] = []

        def determine_wants(refs: Any, depth: int | None = None) -> list[ObjectID]:
            chosen.append(choose(self._client.refs))
            return [ObjectID(chosen[0].encode())]

        try:
            self._client.fetch_pack("", determine_wants, _NoHistory(), receive, depth=1)
        except AnswerTooLarge as error:
            raise RepositoryTooLarge(
                f"The repository's answer is larger than {self._request.bounds.pack_bytes:,} bytes:"
                " take large files out of it"
            ) from error
        except AstroCloudError:
            raise
        except HangupException as error:
            if self._client.complaint:
                self._explain(error, chosen)
            raise GitUnavailable(
                f"{self._client.host} broke off in the middle: try again later"
            ) from error
        except (GitProtocolError, ValueError, LookupError, AssertionError) as error:
            self._explain(error, chosen)
        finally:
            self._client.end()
        return chosen[0]

    def _explain(self, error: Exception, chosen: Sequence[str]) -> NoReturn:
        text = self._client.complaint or str(error)
        if chosen and chosen[0] == self._request.commit and _NOT_OURS.search(text):
            raise RefNotFound(
                f"The repository does not give commit {chosen[0]}: it is not there, or the server"
                " allows no commit to be fetched by its id. Push it, or name its branch or tag"
            ) from error
        if "shallow" in text:
            raise NotGit(
                f"{self._client.host} cannot give a single commit (shallow fetches): use a server"
                " of Git 1.8 or later"
            ) from error
        raise NotGit(
            f"{self._client.host} answers, but not as a Git server does"
            f" ({type(error).__name__}: {shown(text)}): check the address"
        ) from error


class _NoHistory:
    """A graph walker of somebody who has nothing yet."""

    shallow: frozenset[bytes] = frozenset()

    def __next__(self) -> None:
        return None

    def __iter__(self) -> Iterator[None]:
        return iter(())

    def ack(self, _id: bytes) -> None:
        """Nothing was offered."""

    def nak(self) -> None:
        """Nothing was offered."""


class _Client(AbstractHttpGitClient):
    def __init__(self, url: str, request: GitRequest, guard: Guard, watch: Watch) -> None:
        super().__init__(url, thin_packs=False, quiet=True)
        self._fetch_capabilities.discard(CAPABILITY_PACKFILE_URIS)
        self._guard, self._watch = guard, watch
        self._max_pack = int(request.bounds.pack_bytes * _FRAMING) + 1024 * 1024
        self._credentials: Credentials | None = None
        if request.token:
            self._credentials = Credentials(request.login, request.token)
        self._answer: Answer | None = None
        self._beginning = b""
        self.refs = Refs()
        self.host = ""

    def _get_url(self, path: str | bytes) -> str:
        return self._base_url

    def _discover_references(self, *args: Any, **kwargs: Any) -> Any:
        found = super()._discover_references(*args, **kwargs)
        ids, capabilities, _, symrefs, _ = found
        self._check_format(capabilities)
        self.refs.ids = {_text(name): _text(value) for name, value in ids.items() if value}
        head = symrefs.get(HEADREF)
        self.refs.head = _text(head) if head else ("HEAD" if "HEAD" in self.refs.ids else None)
        return found

    def end(self) -> None:
        """Close the connection; dulwich does not close each that it had opened."""
        if self._answer is not None:
            self._answer.close()

    def _check_format(self, capabilities: set[bytes]) -> None:
        if any(capability.strip() == b"object-format=sha256" for capability in capabilities):
            raise NotGit(
                "The repository names its objects by SHA-256, which is not read yet: use one with"
                " SHA-1, which is Git's default"
            )

    @staticmethod
    def _origin_of(url: str) -> str:
        return "/".join(url.split("/", 3)[:3]) + "/"

    def _http_request(  # type: ignore[override]
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple["_Response", Callable[[int], bytes]]:
        if data is not None and not isinstance(data, bytes):
            data = b"".join(data)
        self.end()
        is_pack = data is not None and b"want " in data
        # After a redirect the rest is asked of another host, which gets no credentials.
        is_named = self._origin_of(url) == self._origin_of(self._base_url)
        request = Outgoing(
            url=url,
            method="GET" if data is None else "POST",
            headers={"User-Agent": _AGENT, "Pragma": "no-cache", **(headers or {})},
            body=data,
            credentials=self._credentials if is_named else None,
            max_bytes=self._max_pack if is_pack else _LISTING_BYTES,
        )
        answer = self._answer = self._guard.open(request, self._watch)
        self.host = answer.target.host
        self._check(answer, url)
        self._beginning = b""
        return _Response(answer, url), self._read

    def _read(self, size: int) -> bytes:
        if self._answer is None:
            return b""
        data = self._answer.read(size)
        if len(self._beginning) < _BEGINNING:
            self._beginning += data[:_BEGINNING]
        return data

    @property
    def complaint(self) -> str:
        """The error that the last answer consists of; dulwich looks for one in listings only."""
        match = _COMPLAINT.match(self._beginning)
        return _text(match[1]).strip() if match else ""

    def _check(self, answer: Answer, url: str) -> None:
        if answer.status != 200:
            raise self._refusal(answer, url)
        kind = answer.header("Content-Type") or ""
        if not kind.startswith("application/x-git-upload-pack-"):
            raise NotGit(
                f"{answer.target.host} answers with {shown(kind) if kind else 'no type'}, which is"
                " not what a Git server sends: give the address that git clone takes"
            )

    def _refusal(self, answer: Answer, url: str) -> AstroCloudError:
        host, status = answer.target.host, answer.status
        elsewhere = self._origin_of(url) != self._origin_of(self._base_url) or not url.startswith(
            self._origin_of(answer.url)
        )
        if status == 401 and elsewhere:
            return GitNeedsCredentials(
                f"The address redirects to {host}, which asks for a user name and token. They are"
                " sent to the host alone that was named: give the address at that host"
            )
        if status == 401 and self._credentials is None:
            return GitNeedsCredentials(
                f"{host} asks who wants to read the repository: it is private, or the address is"
                " wrong. Check the address, or give a user name and a token that may read it"
            )
        if status in (401, 403):
            return GitRefused(
                f"{host} refuses access to the repository (HTTP {status}): check user name and"
                " token, whether the token has expired, and that it may read this repository"
            )
        if status in (404, 410):
            more = "" if self._credentials else ", or give a token where it is private"
            return GitNotFound(f"{host} has no repository at this address: check it{more}")
        if status == 429 or status >= 500:
            return GitUnavailable(f"{host} answers with HTTP {status}: try again later")
        return NotGit(f"{host} answers with HTTP {status}, which no Git server does: check it")


class _Response:
    """What dulwich looks at of a response."""

    def __init__(self, answer: Answer, url: str) -> None:
        self._answer = answer
        self.content_type = answer.header("Content-Type")
        self.status = answer.status
        self.redirect_location = answer.url if answer.url != url else ""

    def close(self) -> None:
        """Done with it."""
        self._answer.close()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
