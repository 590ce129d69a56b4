"""``env``: the variables of a project, or those that all projects of an account share."""

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontend.cli import config, dotenv
from frontend.cli.api import Api
from frontend.cli.console import NOTHING, age, as_json, count, note, say, table
from frontend.cli.errors import UsageError
from frontend.cli.projects import project_of
from frontend.cli.session import signed_in
from frontend.cli.where import ENVIRONMENTS

SCOPES = ("build", "run", "all")
# Tools put variables with such names into pages: as secrets they would stop the publishing.
PUBLIC = ("VITE_", "NEXT_PUBLIC_", "REACT_APP_", "VUE_APP_", "GATSBY_", "NUXT_PUBLIC_", "PUBLIC_")


_LATER = "It counts from the next deployment on: --redeploy here, or astrocloud redeploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Whose variables, and for which deployments."""

    project: str | None = None
    shared: bool = False
    environments: tuple[str, ...] = ("production",)
    branch: str | None = None
    url: str | None = None

    @property
    def named(self) -> str:
        """As a sentence has it."""
        if self.branch:
            return f"branch {self.branch}"
        return " and ".join(self.environments)


def environments(text: str | None, branch: str | None, default: Sequence[str]) -> tuple[str, ...]:
    """What ``--environment`` means; a branch is one of previews."""
    if not text:
        return ("preview",) if branch else tuple(default)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    wrong = next((name for name in names if name not in ENVIRONMENTS), None)
    if wrong is not None or not names:
        detail = (
            f"{wrong or text} is no environment: give production, preview, or both with a comma"
        )
        raise UsageError("usage", "The command line is not understood", f"{detail}.")
    if branch and names != ("preview",):
        detail = "--branch goes with previews: production has no branches."
        raise UsageError("usage", "The command line is not understood", detail)
    return names


def scope_of(text: str) -> str:
    """What ``--scope`` means."""
    if text not in SCOPES:
        detail = f"{text} is no use of a variable: give build, run, or all."
        raise UsageError("usage", "The command line is not understood", detail)
    return text


def check_redeploy(where: Where) -> None:
    """Raise UsageError where it is not clear what would be deployed again."""
    if where.shared:
        reason = "--redeploy is for one project, --shared for all"
    elif where.branch or "production" not in (where.environments or ("production",)):
        reason = "--redeploy is for what is live in production"
    else:
        return
    detail = f"{reason}. Next: astrocloud redeploy NUMBER"
    raise UsageError("usage", "The command line is not understood", detail)


async def show(where: Where, *, json: bool) -> int:
    """All variables; a secret's value is given to nobody."""
    async with _owner(where) as (api, path, owner):
        found = [variable async for variable in api.items(path)]
    if json:
        as_json({"items": found})
    elif not found:
        say(f"{owner} has no variables. Next: astrocloud env set NAME=VALUE")
    else:
        rows = sorted(found, key=lambda v: (v["name"], v["environment"], v["branch"] or ""))
        table(("NAME", "VALUE", "ENVIRONMENT", "BRANCH", "USE", "CHANGED"), [_row(v) for v in rows])
    return 0


async def set_(
    where: Where,
    words: Sequence[str],
    scope: str,
    *,
    secret: bool | None,
    redeployed: bool = False,
) -> int:
    """Set variables: secret ones, unless their names say that everybody may read them."""
    wanted = [_given(word, secret) for word in words]
    async with _owner(where) as (api, path, owner):
        for name, value, is_secret in wanted:
            for environment in where.environments:
                await api.post_plainly(
                    path,
                    {
                        "name": name,
                        "value": value,
                        "secret": is_secret,
                        "scope": scope,
                        "environment": environment,
                        "branch": where.branch,
                    },
                )
            kind = " (secret)" if is_secret else ""
            say(f"{name}{kind} is set for {where.named} of {owner}.")
    if not redeployed:
        note(_LATER)
    _warn(name for name, _, is_secret in wanted if is_secret)
    return 0


async def remove(where: Where, name: str) -> int:
    """Remove a variable, everywhere or from what was named."""
    async with _owner(where) as (api, path, owner):
        found = [v async for v in api.items(path) if v["name"] == name and _is_meant(v, where)]
        if not found:
            detail = f"{owner} has no variable {name} there. Next: astrocloud env ls"
            raise UsageError("variable_unknown", "No such variable", detail)
        for variable in found:
            await api.delete(f"/variables/{variable['id']}")
            place = (
                f"branch {variable['branch']}" if variable["branch"] else variable["environment"]
            )
            say(f"{name} is removed from {place} of {owner}.")
    return 0


async def pull(where: Where, target: Path, *, overwrite: bool) -> int:
    """Write a file with the values, for its owner alone."""
    if target.exists() and not overwrite:
        detail = f"{target} is there already and would be lost. Next: name another file, or --yes."
        raise UsageError("file_exists", "Nothing was written", detail)
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        paths = (f"/accounts/{project['account_id']}/variables", _path(project))
        lists = [[v async for v in api.items(path)] for path in paths]
    values, secrets = _effective(lists, where)
    text = dotenv.lines_of(values, secrets)
    try:
        config.write_private(target, text)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        detail = f"{target} cannot be written: {reason}. Next: name another file."
        raise UsageError("file_unwritable", "Nothing was written", detail) from None
    say(f"{count(len(values), 'variable')} of {where.named} written to {target}.")
    if secrets:
        note(f"Not among them, since their values are given to nobody: {', '.join(secrets)}")
    return 0


async def import_(
    where: Where, file: str, scope: str, *, secret: bool, redeployed: bool = False
) -> int:
    """Set every variable of a file; none is removed."""
    text = _text(file)
    names: list[str] = []
    notes: list[str] = []
    async with signed_in(where.url) as api:
        project = await project_of(api, where.project)
        for environment in where.environments:
            body = {
                "text": text,
                "environment": environment,
                "branch": where.branch,
                "secret": secret,
                "scope": scope,
            }
            answer = await api.post_plainly(f"{_path(project)}/import", body)
            say(
                f"{count(len(answer['names']), 'variable')}{' (secret)' if secret else ''} set for"
                f" {environment} of {project['slug']}: {answer['created']} new,"
                f" {answer['replaced']} replaced."
            )
            names, notes = answer["names"], answer["notes"]
    for text in notes:
        note(text, style="yellow")
    if not redeployed:
        note(_LATER)
    if secret:
        _warn(names)
    return 0


@asynccontextmanager
async def _owner(where: Where) -> AsyncIterator[tuple[Api, str, str]]:
    """The list of variables that is meant, and how people call its owner."""
    async with signed_in(where.url) as api:
        if not where.shared:
            project = await project_of(api, where.project)
            yield api, _path(project), project["slug"]
            return
        accounts = (await api.get("/me"))["accounts"]
        account = accounts[0]
        if where.project:
            wanted = (await project_of(api, where.project))["account_id"]
            account = next(found for found in accounts if found["id"] == wanted)
        elif len(accounts) > 1:
            detail = "You are in several accounts. Next: name a project of the one with --project."
            raise UsageError("no_account", "Which account is meant?", detail)
        yield api, f"/accounts/{account['id']}/variables", f"the account {account['name']}"


def _path(project: Mapping[str, Any]) -> str:
    return f"/projects/{project['id']}/variables"


def _row(variable: Mapping[str, Any]) -> tuple[str, ...]:
    value = "(secret)" if variable["secret"] else str(variable["value"]).replace("\n", "↵")
    return (
        variable["name"],
        value if len(value) <= 60 else f"{value[:59]}…",
        variable["environment"],
        variable["branch"] or NOTHING,
        {"all": "build, run"}.get(variable["scope"], variable["scope"]),
        age(variable["updated_at"]),
    )


def _given(word: str, secret: bool | None) -> tuple[str, str, bool]:
    name, sign, value = word.partition("=")
    if not name:
        detail = f"{word} names no variable: write NAME=VALUE, or NAME to be asked for its value."
        raise UsageError("usage", "The command line is not understood", detail)
    is_secret = not name.startswith(PUBLIC) if secret is None else secret
    return name, value if sign else _asked(name), is_secret


def _asked(name: str) -> str:
    """A value that no shell remembers."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{name}: ", stream=sys.stderr)
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _is_meant(variable: Mapping[str, Any], where: Where) -> bool:
    if where.branch and variable["branch"] != where.branch:
        return False
    return not where.environments or variable["environment"] in where.environments


def _effective(
    lists: Sequence[Sequence[Mapping[str, Any]]], where: Where
) -> tuple[dict[str, str], list[str]]:
    """What a deployment would get: a project's before an account's, a branch's before all."""
    chosen: dict[str, Mapping[str, Any]] = {}
    for variables in lists:
        for branch in (None, where.branch) if where.branch else (None,):
            for variable in variables:
                if variable["environment"] in where.environments and variable["branch"] == branch:
                    chosen[variable["name"]] = variable
    values = {name: str(v["value"]) for name, v in chosen.items() if not v["secret"]}
    return values, sorted(name for name, v in chosen.items() if v["secret"])


def _text(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "it is not UTF-8").lower()
        detail = f"{file} cannot be read: {reason}. Next: give the path of a .env file, or -."
        raise UsageError("file_unreadable", "Nothing was imported", detail) from None


def _warn(names: Iterable[str]) -> None:
    public = [name for name in names if name.startswith(PUBLIC)]
    if public:
        note(
            f"{', '.join(public)} will stand in the built pages, where a secret stops publishing:"
            " set with --plain what everybody may read.",
            style="yellow",
        )
