"""``deploy PATH`` on the running platform: what a person and what a program gets from it."""

import asyncio
import signal
import zipfile
from pathlib import Path

import httpx

from tests.e2e import command
from tests.services.stack import Stack


def _site(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(1, files):
        (folder / f"{number}.html").write_text(f"<p>{folder.name} {number}</p>")
    (folder / "index.html").write_text("<h1>First</h1>")
    return folder


async def _page(stack: Stack, slug: str) -> str:
    url = f"http://127.0.0.1:{stack.ports['gateway']}/"
    host = stack.site_url(slug).removeprefix("http://")
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url, headers={"Host": host})).text


async def test_a_change_uploads_only_what_changed(stack: Stack, tmp_path: Path) -> None:
    """The first deployment stores every file, the second the one that is new."""
    folder = _site(tmp_path / "Corner Shop", 40)
    first = await command.deploy(stack, folder)
    assert (first.code, "New project corner-shop" in first.output) == (0, True)
    assert "40 of 40 files uploaded" in first.output
    (folder / "index.html").write_text("<h1>Second</h1>")
    second = await command.deploy(stack, folder)
    assert "1 of 40 files uploaded" in second.output
    assert "✓ corner-shop #2 is live." in second.output
    assert stack.site_url("corner-shop") in second.output
    assert "Second" in await _page(stack, "corner-shop"), "live is said when visitors get it"


async def test_json_is_the_only_output(stack: Stack, tmp_path: Path) -> None:
    """Ready and failed alike: one object, the log on standard error, the exit code tells."""
    good = await command.deploy(stack, _site(tmp_path / "json-good", 2), "--json")
    assert (good.code, good.result["state"], good.result["failure"]) == (0, "ready", None)
    assert good.result["permalink"].startswith("http://json-good--1.")
    assert "Deployment json-good #1" in good.errors
    archive = tmp_path / "json-bad.zip"
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr("../index.html", "x")
    bad = await command.deploy(stack, archive, "--json")
    assert (bad.code, bad.result["state"]) == (1, "failed")
    assert bad.result["failure"]["code"] == "unsafe_path"
    assert bad.result["deployment"]


async def test_a_reserved_name_says_what_to_do(stack: Stack, tmp_path: Path) -> None:
    """Nothing is uploaded, and the option is named."""
    refused = await command.deploy(stack, _site(tmp_path / "admin", 2))
    assert (refused.code, "--name" in refused.output) == (2, True)


async def test_an_interruption_cancels_nothing(stack: Stack, tmp_path: Path) -> None:
    """The deployment is named and goes on; it is live a moment later."""
    process = await command.start(stack, _site(tmp_path / "left-alone", 300))
    assert process.stdout is not None
    seen = b""
    while b"Deployment left-alone #1" not in seen:
        seen += await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    outcome = await command.finish(process, seen)
    assert outcome.code == 130
    assert "left-alone #1 goes on without you" in outcome.output
    async with asyncio.timeout(60):
        while "First" not in await _page(stack, "left-alone"):
            await asyncio.sleep(0.1)


async def test_a_dying_hub_costs_no_line(stack: Stack, tmp_path: Path) -> None:
    """While push is away the log is read; every line is there once, and the end is seen."""
    process = await command.start(stack, _site(tmp_path / "no-hub", 300))
    assert process.stdout is not None
    seen = b""
    while b"Deployment no-hub #1" not in seen:
        seen += await process.stdout.readline()
    hub = stack.service("webpubsub")
    killed = hub.kill()
    outcome = await command.finish(process, seen)
    await hub.until_back(killed)
    assert outcome.code == 0
    assert outcome.output.count("300 of 300 files uploaded") == 1
