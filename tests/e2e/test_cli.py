"""``astrocloud`` on the running platform: signing in once, then working from a folder."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import ROOT, Outcome, finish
from tests.services.stack import Stack


class User:
    """Somebody at a shell: a home, a folder, and the command."""

    def __init__(self, stack: Stack, home: Path) -> None:
        self._stack, self._home = stack, home
        self.folder = home / "e2e-cli"
        self.folder.mkdir()
        (self.folder / "index.html").write_text("<h1>First</h1>")

    async def run(self, *words: str, **variables: str) -> Outcome:
        """One command in the folder."""
        return await finish(await self._start(*words, **variables))

    async def tell(self, text: str, *words: str) -> Outcome:
        """One command that reads this."""
        process = await self._start(*words)
        output, errors = await process.communicate(text.encode())
        assert process.returncode is not None
        return Outcome(process.returncode, output.decode(), errors.decode())

    async def until_says(self, text: str, *words: str) -> None:
        """A command is run again until its output has this: logs come a moment later."""
        outcome = await self.run(*words)
        async with asyncio.timeout(60):
            while text not in outcome.output:
                assert outcome.code == 0, outcome.errors
                outcome = await self.run(*words)

    async def interrupted(self, sign: str, *words: str) -> Outcome:
        """One that gets Ctrl-C as soon as it has said something on standard error."""
        process = await self._start(*words)
        assert process.stderr is not None
        said = b""
        while sign.encode() not in said:
            said += await process.stderr.readuntil(b"\n")
        process.send_signal(signal.SIGINT)
        return await finish(process)

    async def _start(self, *words: str, **variables: str) -> asyncio.subprocess.Process:
        kept = {name: value for name, value in os.environ.items() if "ASTROCLOUD" not in name}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "frontend.cli", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env={
                **kept,
                "PYTHONPATH": str(ROOT),
                "HOME": str(self._home),
                "XDG_CONFIG_HOME": str(self._home / "config"),
                **variables,
            },
        )

    async def json(self, *words: str) -> dict[str, Any]:
        """The one object of a command that works."""
        outcome = await self.run(*words, "--json")
        assert outcome.code == 0, outcome.errors
        answer: dict[str, Any] = json.loads(outcome.output)
        return answer

    async def log_in(self) -> Outcome:
        """By a ticket, of which a token is made."""
        url = self._stack.platform_url
        return await self.run("login", "--url", url, ASTROCLOUD_TICKET=self._stack.ticket())


@pytest.fixture
def user(stack: Stack, tmp_path: Path) -> User:
    return User(stack, tmp_path)


async def test_from_signing_in_to_going_back(user: User) -> None:
    """Login, link, deploy, list, logs, open, rollback, promote, cancel, logout."""
    refused = await user.run("list")
    assert (refused.code, "astrocloud login" in refused.errors) == (2, True)
    signed_in = await user.log_in()
    assert signed_in.code == 0, signed_in.errors
    assert (await user.json("whoami"))["accounts"]
    first = await user.json("deploy")
    assert (first["state"], first["failure"]) == ("ready", None)
    assert (await user.run("link")).output.startswith("Linked to e2e-cli on ")
    (user.folder / "index.html").write_text("<h1>Second</h1>")
    second = await user.json("deploy")
    assert second["deployment"] != first["deployment"]
    items = (await user.json("list", "e2e-cli"))["items"]
    assert [(item["number"], item["live"]) for item in items] == [(2, True), (1, False)]
    log = await user.run("logs", "1")
    assert "files uploaded" in log.output
    assert "e2e-cli #1" in log.errors
    assert (await user.run("open")).output.strip() == first["url"]
    back = await user.json("rollback", "--to", "1")
    assert back["deployment"] == first["deployment"]
    assert (await user.json("promote", "2"))["deployment"] == second["deployment"]
    ended = await user.run("cancel", "2")
    assert (ended.code, "has ended already" in ended.output) == (2, True)
    assert (await user.run("logout")).code == 0
    assert (await user.run("list")).code == 2


async def test_a_finished_site_and_its_variables(user: User) -> None:
    """Only missing contents are sent; variables come back without secrets; a source again."""
    assert (await user.log_in()).code == 0
    site = user.folder / "dist"
    site.mkdir()
    for number in range(1, 6):
        (site / f"{number}.html").write_text(f"<p>{number}</p>")
    name = ("--name", "e2e-prebuilt")
    first = await user.run("deploy", "--prebuilt", "dist", *name)
    assert (first.code, "5 of 5 files uploaded" in first.output) == (0, True), first.output
    (site / "3.html").write_text("<p>changed</p>")
    second = await user.run("deploy", "--prebuilt", "dist", *name)
    assert (second.code, "1 of 5 files uploaded" in second.output) == (0, True), second.output
    of = ("--project", "e2e-prebuilt")
    assert (await user.run("env", "set", "KEY=hidden", "VITE_URL=https://x.y", *of)).code == 0
    (user.folder / "vars").write_text("MORE='a b'\n")
    imported = await user.run("env", "import", "vars", "--plain", *of)
    assert (imported.code, "1 new, 0 replaced" in imported.output) == (0, True), imported.errors
    items = (await user.json("env", "ls", *of))["items"]
    assert {item["name"]: item["value"] for item in items} == {
        "KEY": None,
        "VITE_URL": "https://x.y",
        "MORE": "a b",
    }
    assert (await user.run("env", "pull", *of)).code == 0
    written = (user.folder / ".env").read_text()
    assert written.startswith("MORE='a b'\nVITE_URL=https://x.y\n")
    assert "hidden" not in written
    assert (await user.run("env", "rm", "MORE", *of)).code == 0
    told = await user.tell("hidden\n", "registry", "set", "ghcr.io", "-u", "acme", *of)
    assert (told.code, "pulls from ghcr.io as acme" in told.output) == (0, True), told.errors
    registry = {"registry": "ghcr.io", "username": "acme", "has_token": True}
    assert await user.json("registry", "show", *of) == {"registry": registry}
    assert (await user.run("registry", "rm", *of)).code == 0
    assert await user.json("registry", "show", *of) == {"registry": None}
    again = await user.json("redeploy", "1", *of)
    assert again["state"] == "ready"
    cleared = await user.run("cache", "clear", *of)
    assert cleared.code == 0, cleared.errors
    refused = await user.run("deploy", "https://127.0.0.1/x", *name, "--json")
    assert refused.code == 2
    assert json.loads(refused.output)["failure"]["code"] == "address_refused"


SERVER = """\
import { createServer } from "node:http";
const server = createServer((request, response) => response.end(`${process.env.GREETING}\\n`));
const line = JSON.stringify({ level: "warn", msg: "up", at: 1 });
server.listen(process.env.PORT, () => console.log(line));
process.on("SIGTERM", () => server.close());
"""


async def test_a_server_from_its_first_deployment_to_its_stop(user: User) -> None:
    """Replicas, tasks, logs, scaling, variables, going back: what a server's people do."""
    assert (await user.log_in()).code == 0
    (user.folder / "index.html").unlink()
    (user.folder / "server.js").write_text(SERVER)
    package = {"name": "x", "type": "module", "scripts": {"start": "node server.js"}}
    (user.folder / "package.json").write_text(json.dumps(package))
    of = ("--project", "e2e-server")
    first = await user.run("deploy", "--name", "e2e-server")
    assert (first.code, "1 replica ready" in first.output) == (0, True), first.output
    workload = await user.json("ps", *of)
    assert (workload["state"], workload["ready"]) == ("running", 1)
    done = await user.run("run", *of, "--", "sh", "-c", "echo out; echo bad >&2; exit 3")
    assert (done.code, done.output) == (3, "out\n"), done.errors
    assert "bad" in done.errors
    assert (await user.json("tasks", *of))["items"][0]["exit_code"] == 3
    written = """printf '{"msg":"x",  "a":1}\\r\\n%070000d\\n' 7"""
    done = await user.run("run", *of, "--", written)
    assert (done.code, done.output) == (0, f'{{"msg":"x",  "a":1}}\r\n{7:070000d}\n'), done.errors
    await user.until_says("up at=1", "logs", "--level", "warn", *of)
    refused = await user.run("scale", "--min", "1", "--max", "2", *of)
    assert (refused.code, "needs a cluster" in refused.errors) == (2, True)
    assert (await user.json("scale", "--min", "2", *of))["scaling"]["maximum"] == 2
    changed = await user.run("env", "set", "GREETING=hi", "--scope", "run", "--redeploy", *of)
    assert (changed.code, "e2e-server #2 is live" in changed.output) == (0, True), changed.output
    back = await user.run("rollback", *of)
    assert (back.code, "e2e-server #1 is live" in back.output) == (0, True), back.output
    assert (await user.json("metrics", *of))["traffic"]
    lives = {one["started_at"] for one in (await user.json("ps", *of))["replicas"]}
    restarted = await user.run("restart", *of)
    assert (restarted.code, "has restarted: 2 of 2" in restarted.output) == (0, True), restarted
    workload = await user.json("ps", *of)
    assert (workload["state"], workload["current"], workload["ready"]) == ("running", True, 2)
    ready = [one["started_at"] for one in workload["replicas"] if one["ready"]]
    assert len(ready) == 2
    assert not lives & set(ready)
    assert (await user.json("stop", *of))["state"] == "stopped"
    assert (await user.json("start", *of))["state"] == "running"
    ended = await user.interrupted("Running in #1", "run", *of, "sleep", "600")
    assert (ended.code, "Canceled" in ended.errors) == (130, True), ended.errors
    assert (await user.json("tasks", *of))["items"][0]["state"] == "canceled"
