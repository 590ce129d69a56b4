"""Small servers of each language and package manager, and their lock files, made by the managers.

Each answers with what it sees of itself; what it is deployed with is what detection says.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NODE_SERVER = """\
const http = require('http');
const has = (name) => { try { require(name); return true; } catch { return false; } };
const told = () => JSON.stringify({
  user: process.getuid(), production: has('is-number'), development: has('left-pad'),
});
http.createServer((_, answer) => answer.end(told())).listen(process.env.PORT, '0.0.0.0');
process.on('SIGTERM', () => { console.log('asked to end'); process.exit(0); });
"""
PYTHON_SERVER = """\
import http.server, importlib.util, json, os, signal, sys

def told():
    has = lambda name: importlib.util.find_spec(name) is not None
    return {"user": os.getuid(), "production": has("tabulate"), "development": has("iniconfig")}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(told()).encode())

def end(*_):
    print("asked to end", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, end)
http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
GO_SERVER = """\
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/uuid"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; fmt.Println("asked to end"); os.Exit(0) }()
	_, zone := time.LoadLocation("Europe/Berlin")
	_, source := os.Stat("/usr/local/go")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		is := uuid.NewString() != "" && zone == nil
		fmt.Fprintf(w, `{"user": %d, "production": %t, "development": %t}`,
			os.Getuid(), is, source == nil)
	})
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
"""
_UV = """\
[project]
name = "shop"
version = "1.0.0"
requires-python = "==3.11.*"
dependencies = ["tabulate==0.9.0"]
[dependency-groups]
dev = ["iniconfig==2.0.0"]
"""
_POETRY = """\
[tool.poetry]
name = "shop"
version = "1.0.0"
description = ""
authors = []
package-mode = false
[tool.poetry.dependencies]
python = "~3.11"
tabulate = "0.9.0"
[tool.poetry.group.dev.dependencies]
iniconfig = "2.0.0"
[[tool.poetry.source]]
name = "index"
url = "{index}"
priority = "primary"
"""
# The plain index, which every mirror has: Poetry would ask for more of the public one.
_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
_PIPFILE = """\
[packages]
tabulate = "==0.9.0"
[dev-packages]
iniconfig = "==2.0.0"
[requires]
python_version = "3.11"
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A project: its files, and how its lock file is written.

    ``runs_manager``: its image has the package manager, since what starts it is one. ``needs`` is
    a program of the machine that writes the lock file, or brings who does.
    """

    files: Mapping[str, str]
    lock: Sequence[str] = ()
    manager: str = ""
    runs_manager: bool = False
    needs: str = "npm"

    def write(self, managers: Path, folder: Path) -> dict[str, str]:
        """All files, with the lock file."""
        program = _program(self.manager, managers) if self.lock else ""
        for name, text in self.files.items():
            told = text.replace("{index}", _index(program)) if "{index}" in text else text
            (folder / name).write_text(told)
        if self.lock:
            _run([program, *self.lock], folder)
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        return {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".gz"
        }


def _index(program: str) -> str:
    """Where the Python beside a manager has its packages from."""
    python = Path(program).with_name("python")
    return _run([str(python), "-c", _INDEX], python.parent).strip()


def _program(manager: str, managers: Path) -> str:
    """A package manager, installed once."""
    if manager in {"npm", "go"}:
        return manager
    name = manager.partition("@")[0] if not manager.startswith("@") else "yarn"
    place = managers / re.sub(r"\W+", "-", manager)
    if manager in {"uv", "poetry", "pipenv"}:
        if not place.exists():
            _run([sys.executable, "-m", "venv", str(place)], managers)
            _run([str(place / "bin" / "pip"), "install", "--quiet", manager], managers)
        return str(place / "bin" / name)
    if not place.exists():
        place.mkdir()
        _run(["npm", "install", "--prefix", str(place), manager], managers)
    return str(place / "node_modules" / ".bin" / name)


def _run(words: Sequence[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def _node(start: str, lock: Sequence[str], manager: str, **package: object) -> Server:
    about = {
        "name": "shop",
        "version": "1.0.0",
        "private": True,
        "engines": {"node": "22"},
        "scripts": {"start": start},
        "dependencies": {"is-number": "7.0.0"},
        "devDependencies": {"left-pad": "1.3.0"},
        **package,
    }
    files = {"package.json": json.dumps(about), "server.js": NODE_SERVER}
    return Server(files, lock, manager, runs_manager=start.startswith("bun "))


def _python(start: str, files: Mapping[str, str], lock: Sequence[str], manager: str) -> Server:
    told = {"main.py": PYTHON_SERVER, "Procfile": f"web: {start}\n", ".python-version": "3.11\n"}
    return Server({**told, **files}, lock, manager, needs="python3")


SERVERS: Mapping[str, Server] = {
    "npm": _node("node server.js", ["install", "--package-lock-only"], "npm"),
    "pnpm": _node(
        "node server.js",
        ["install", "--lockfile-only"],
        "pnpm@10.2.1",
        packageManager="pnpm@10.2.1",
    ),
    "yarn": _node("node server.js", ["install", "--ignore-scripts", "--ignore-engines"], "yarn@1"),
    "yarn-4": _node(
        "node server.js",
        ["install", "--mode=update-lockfile"],
        "@yarnpkg/cli-dist@4.6.0",
        packageManager="yarn@4.6.0",
    ),
    "bun": _node("node server.js", ["install", "--lockfile-only"], "bun@1"),
    "bun-itself": _node("bun server.js", ["install", "--lockfile-only"], "bun@1"),
    "pip": _python("python main.py", {"requirements.txt": "tabulate==0.9.0\n"}, (), ""),
    "uv": _python("uv run main.py", {"pyproject.toml": _UV}, ["lock", "--quiet"], "uv"),
    "poetry": _python(
        "poetry run python main.py", {"pyproject.toml": _POETRY}, ["lock", "--quiet"], "poetry"
    ),
    "pipenv": _python("pipenv run python main.py", {"Pipfile": _PIPFILE}, ["lock"], "pipenv"),
    "go": Server(
        {"main.go": GO_SERVER, "go.mod": "module shop\n\ngo 1.26\n"},
        ["mod", "tidy"],
        "go",
        needs="go",
    ),
}
