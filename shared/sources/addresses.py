"""Which addresses may be asked: everything about a URL and an IP address that needs no network.

Only what is on the open Internet is. Blocks are listed here, because Python's own idea of a
global address differs between its versions and knows nothing of a cloud's inner addresses.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.sites.errors import shown
from shared.sources.errors import AddressRefused, CredentialsInAddress

_PORTS = {"https": 443, "http": 80}
# Above 1023 there are services, too, that would take what we send for a command.
_REFUSED_PORTS = frozenset(
    {
        *(1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061),
        *(5432, 5672, 5985, 5986, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042),
        *(9092, 10080, 10250, 10255, 11211, 27017),
    }
)
_NEVER_V4 = [
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host: it answers machines with their own settings
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# All other blocks are local, reserved, or carry an IPv4 address (mapped, NAT64).
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NEVER_V6 = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
_INNER = frozenset({"localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa"})
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was looked at: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str
    is_allowed: bool
    """Whether it stands in the list of hosts that may be private."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials are bound to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address in its normal form."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_address(url: str, allowed: Collection[str] = ()) -> Target:
    """Look at an address before anything is asked; raises AddressRefused.

    ``allowed`` holds ``host:port`` of those that may be private and speak plain HTTP.
    """
    if not url.isprintable() or "\\" in url or " " in url:
        raise AddressRefused(
            f"{_told(url)} holds spaces, backslashes or invisible characters: type it anew"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused(f"{_told(url)} is no address: write it as https://host/path") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused(f"{_told(url)} is not accepted: only https:// addresses are")
    if "@" in parts.netloc:
        host = shown(parts.netloc.rpartition("@")[2])
        raise CredentialsInAddress(
            f"The address of {host} holds a user name or password: take it out and set user name"
            " and token on their own, where they are kept encrypted"
        )
    host = _host(parts.hostname or "")
    port = _PORTS[parts.scheme] if port is None else port
    is_allowed = f"{host}:{port}" in allowed
    if not is_allowed:
        _check(parts.scheme, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, _encoded(path), is_allowed)


def _told(url: str) -> str:
    """An address as a message may hold it: whatever could be a password is left out."""
    scheme, slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    path = path.partition("?")[0].partition("#")[0]
    if not slashes:
        return shown(url.rpartition("@")[2].partition("?")[0])
    return shown(f"{scheme}://{authority.rpartition('@')[2]}{slash}{path.rpartition('@')[2]}")


def _encoded(path: str) -> str:
    return quote(path, safe="/%?&=+,;:@!$'()*~[]")


def _host(raw: str) -> str:
    """The host in ASCII and lower case, without a dot at its end."""
    host = raw.removesuffix(".").lower()
    if "%" in host:
        raise AddressRefused(
            f"The host {shown(raw)} names a network card or is encoded: use a name"
        )
    if ":" in host:
        return str(_literal(host) or _no_host(raw))
    if not host.isascii():
        host = _ascii(raw, host)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(_literal(host) or _no_host(raw))
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        _no_host(raw)
    return host


def _no_host(raw: str) -> str:
    raise AddressRefused(
        f"{shown(raw)} is not the name of a host: write a name such as git.example.com, or an"
        " IPv4 address as four decimal numbers"
    )


def _ascii(raw: str, host: str) -> str:
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return _no_host(raw)


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check(scheme: str, host: str, port: int) -> None:
    if scheme != "https":
        raise AddressRefused(
            f"http://{host} is not encrypted: use https://{host} (http:// is not accepted)"
        )
    if port != 443 and (port < 1024 or port in _REFUSED_PORTS):
        raise AddressRefused(
            f"Port {port} of {host} is not one for https: use port 443, or one above 1023 that no"
            " other service is known by"
        )
    address = _literal(host)
    if address is not None:
        check_ip(host, str(address))
    elif "." not in host or host.rpartition(".")[2] in _INNER:
        raise AddressRefused(
            f"{host} is a name of an inner network: only hosts on the Internet are asked"
        )


def check_ip(host: str, address: str) -> None:
    """Raise AddressRefused for an IP address that is not on the open Internet."""
    if not is_public(address):
        where = "" if host == address else f" ({address})"
        raise AddressRefused(
            f"{host} is in a private or reserved network{where}: only hosts on the Internet are"
            " asked. Whoever runs AstroCloud can allow a host of the own network"
        )


def is_public(address: str) -> bool:
    """Whether an IP address is on the open Internet."""
    found = _literal(address)
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in block for block in _NEVER_V4)
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is None:
        return found in _GLOBAL_V6 and not any(found in block for block in _NEVER_V6)
    return False
