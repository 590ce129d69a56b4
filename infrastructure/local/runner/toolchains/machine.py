"""What this machine says of registries, certificates and proxies, in the words of every tool.

Inside a sandbox neither ``~/.npmrc`` nor ``pip.conf`` can be read, so their wishes are variables
there. A password in an address stays outside: the code of a project could read it.
"""

import configparser
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.local.install import uv_settings

_CERTIFICATES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
# Not Yarn's own name: it differs between its lines, and a wrong one is an error. Node's serves it.
_CERTIFICATE_NAMES = (*_CERTIFICATES, "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "npm_config_cafile")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_OWN = ("HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_DIR", *_CERTIFICATE_NAMES)
_PREFIXES = ("NPM_CONFIG_", "PIP_", "UV_", "XDG_")
_NPMRC = re.compile(r"^\s*(registry|cafile)\s*=\s*(.+?)\s*$", re.MULTILINE)
_USER_INFO = re.compile(r"://[^/\s]*@")
_PIP_WANTED = {
    "index-url", "extra-index-url", "find-links", "trusted-host", "default-timeout", "timeout",
    "no-index",
}  # fmt: skip
_UV_WANTED = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL",
              "UV_FIND_LINKS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_NO_INDEX")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """The settings of one machine; ``environ`` and ``home`` are where they are read from."""

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=Path.home)

    def for_installing(self, *path: Path) -> dict[str, str]:
        """The environment of an installer outside of any sandbox: what it needs, no more."""
        chosen = {
            name: value
            for name, value in self.environ.items()
            if name.upper() in {*_OWN, *_PROXIES, "NPM_CONFIG_CAFILE"}
            or name.upper().startswith(_PREFIXES)
        }
        certificates = self.certificates()
        if certificates:
            chosen.setdefault("NODE_EXTRA_CA_CERTS", str(certificates))
            chosen.setdefault("SSL_CERT_FILE", str(certificates))
        chosen.update(uv_settings(self._pip()))
        if (registry := self._npm().get("registry")) is not None:
            chosen.setdefault("npm_config_registry", registry)
        chosen["PATH"] = os.pathsep.join([*map(str, path), self.environ.get("PATH", os.defpath)])
        return chosen

    def for_commands(self, certificates: Path | None = None) -> tuple[dict[str, str], list[str]]:
        """Variables for the commands of a build, and the names of those that hold a password."""
        wanted = dict(self._registries())
        if certificates is not None:
            wanted |= dict.fromkeys(_CERTIFICATE_NAMES, str(certificates))
        for name in _PROXIES:
            for spelled in (name, name.lower()):
                if value := self.environ.get(name) or self.environ.get(name.lower()):
                    wanted[spelled] = value
        hidden = sorted(name for name, value in wanted.items() if _USER_INFO.search(value))
        return {name: value for name, value in wanted.items() if name not in hidden}, hidden

    def certificates(self) -> Path | None:
        """The file of certificates that this machine trusts beside the usual ones."""
        named = [self.environ.get(name) for name in _CERTIFICATES]
        for value in [*named, self._npm().get("cafile"), self._pip().get("cert")]:
            if value and (path := Path(value).expanduser()).is_file():
                return path
        return None

    def wheel_folders(self) -> tuple[Path, ...]:
        """Folders of wheels that pip is to look into."""
        links = self._pip().get("find-links", "").split()
        return tuple(Path(link) for link in links if link.startswith("/") and Path(link).is_dir())

    def _registries(self) -> Iterator[tuple[str, str]]:
        if registry := self._npm().get("registry"):
            yield "npm_config_registry", registry
            yield "pnpm_config_registry", registry
            if registry.startswith("https:"):
                yield "YARN_NPM_REGISTRY_SERVER", registry.rstrip("/")
        pip = self._pip()
        for name, value in pip.items():
            if name in _PIP_WANTED:
                yield f"PIP_{name.replace('-', '_').upper()}", value
        yield from uv_settings({name: pip[name] for name in pip if name in _PIP_WANTED}).items()
        yield from ((name, self.environ[name]) for name in _UV_WANTED if name in self.environ)

    def _npm(self) -> dict[str, str]:
        """The environment beats the user's file, that the machine's."""
        files = [Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"), Path("/etc/npmrc")]
        named = self.environ.get("NPM_CONFIG_USERCONFIG") or self.environ.get(
            "npm_config_userconfig"
        )
        files.append(Path(named) if named else self.home / ".npmrc")
        found: dict[str, str] = {}
        for file in files:
            for key, value in _NPMRC.findall(_text(file)):
                found[key] = os.path.expandvars(value.strip("'\""))
        for name, value in self.environ.items():
            if value and (key := name.lower().removeprefix("npm_config_")) in {
                "registry",
                "cafile",
            }:
                found[key] = value
        return found

    def _pip(self) -> dict[str, str]:
        files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
        named = self.environ.get("PIP_CONFIG_FILE")
        files += [self.home / ".pip/pip.conf", self.home / ".config/pip/pip.conf"]
        files += [Path(named)] if named else []
        found: dict[str, str] = {}
        for file in files:
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read_string(_text(file))
            except configparser.Error:
                continue  # pip will tell what is wrong with its file
            for section in ("global", "install"):
                if parser.has_section(section):
                    found |= {k.replace("_", "-"): v for k, v in parser.items(section)}
        for name, value in self.environ.items():
            if name.startswith("PIP_") and value:
                found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
        return {name: " ".join(value.split()) for name, value in found.items()}


def keep_certificates(machine: Machine, folder: Path) -> Path | None:
    """A copy of the machine's certificates where a sandbox can see it."""
    source = machine.certificates()
    if source is None:
        return None
    data = source.read_bytes()
    kept = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.pem"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = kept.with_name(f".{kept.name}.{os.getpid()}")
        draft.write_bytes(data)
        draft.chmod(0o644)
        draft.replace(kept)
    return kept


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
