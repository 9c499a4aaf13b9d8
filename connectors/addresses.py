"""Which addresses the server may call: the SSRF guard.

The guard looks at a URL before it is used and, what counts, at the IP address at the moment of connecting: a
name that resolves to a public address when checked and to 127.0.0.1 when used (DNS rebinding) gets nowhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import SplitResult, urlsplit

from connectors.errors import ForbiddenHost

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

DEFAULT_PORTS = {"https": 443, "http": 80}

# Ranges that Python calls global (or has no word for) but that lead back into somebody's network.
# RFC 6052 and 8215 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 4291 (IPv4-compatible), RFC 3879 (site-
# local).
_TUNNELS = tuple(
    ipaddress.ip_network(n)
    for n in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "::/96",
        "fec0::/10",
        "192.88.99.0/24",
    )
)


def is_public(ip: IPAddress) -> bool:
    """True for an address of the open internet: unicast, global, and no tunnel into a private range."""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == net.version and ip in net for net in _TUNNELS):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def resolve_by_system(host: str, port: int) -> list[str]:
    """Every address the system resolver knows for `host`, as text. Raises `socket.gaierror`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Lets https to public addresses on 443 through, and whatever the operator named; nothing else."""

    def __init__(self, allow: Iterable[str] = (), resolve: Resolve = resolve_by_system) -> None:
        self._allow = frozenset(_plain(entry) for entry in allow)
        self._resolve = resolve

    def allows(self, host: str, port: int) -> bool:
        """True if the operator named this host, or this host and port."""
        name = _plain(host)
        bracketed = f"[{name}]" if ":" in name else name
        return bool({name, bracketed, f"{bracketed}:{port}"} & self._allow)

    def check_url(self, url: str) -> SplitResult:
        """The parts of `url` if its form is acceptable; the address itself is checked when connecting.

        Raises `ForbiddenHost` for another scheme, a user name in the URL, an odd port or no host.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ForbiddenHost("that is not a web address") from None
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ForbiddenHost("only https addresses are called")
        if "@" in parts.netloc:
            raise ForbiddenHost("an address may not carry a user name or password")
        port = DEFAULT_PORTS[parts.scheme] if port is None else port
        if self.allows(parts.hostname, port):
            return parts
        if parts.scheme != "https":
            raise ForbiddenHost(f"{parts.hostname} is called over https only")
        if port not in DEFAULT_PORTS.values():
            raise ForbiddenHost(f"port {port} of {parts.hostname} is not a web port")
        return parts

    def addresses(self, host: str, port: int) -> list[str]:
        """The IP addresses to connect to for `host`. Raises `ForbiddenHost` if one is not public.

        One bad address condemns the name: a mixed answer is what a rebinding attack looks like.
        """
        literals = [text.partition("%")[0] for text in self._resolve(host.strip("[]"), port)]
        if not self.allows(host, port):
            for text in literals:
                if not is_public(ipaddress.ip_address(text)):
                    raise ForbiddenHost(f"{host} leads to {text}, which is not a public address")
        return literals


def _plain(host: str) -> str:
    """A host name in one spelling: lower case, no trailing dot, IDNA where it is not ASCII."""
    text = host.strip().lower().rstrip(".")
    if text.isascii():
        return text
    name, colon, port = text.partition(":")
    try:
        return name.encode("idna").decode("ascii") + colon + port
    except UnicodeError:
        return text
