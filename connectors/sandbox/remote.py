"""What the store itself calls, webhook targets and image addresses, under WordPress's rules.

WordPress refuses loopback, private and odd-port targets except its own host name; two named switches lift
that.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from connectors.addresses import is_public

SAFE_PORTS = frozenset({80, 443, 8080})
_DOWNLOAD_CAP_BYTES = 64 * 1024 * 1024


class Refused(Exception):
    """The target may not be called, or could not be; the text is what WordPress would say."""


class Remote:
    """Outgoing requests of one store."""

    def __init__(self, home_url: str, *, loopback: bool, timeout_s: float = 10.0, ca_file: str = "") -> None:
        self._home = urlsplit(home_url)
        self._loopback = loopback
        self._timeout_s = timeout_s
        self._verify = ca_file or True
        self._session = self._fresh()

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """POST without following redirects; the status. Raises `Refused`."""
        self.check(url)
        try:
            # A connection of its own, so that neither a receiver's restart nor its closing of the last one is felt.
            with (
                self._fresh() as session,
                session.post(
                    url,
                    data=body,
                    headers={"Connection": "close", **headers},
                    timeout=self._timeout_s,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return response.status_code
        except requests.RequestException as error:
            raise Refused(type(error).__name__) from None

    def download(self, url: str) -> tuple[bytes, str]:
        """(bytes, file name) of an image, redirects followed as WordPress does. Raises `Refused`."""
        name = unquote(PurePosixPath(urlsplit(url).path).name)
        for _ in range(6):
            self.check(url)
            try:
                with self._session.get(
                    url, timeout=self._timeout_s, allow_redirects=False, stream=True
                ) as response:
                    if response.is_redirect:
                        url = requests.compat.urljoin(url, response.headers["Location"])
                        continue
                    if response.status_code != 200:
                        raise Refused(response.reason)
                    data = response.raw.read(_DOWNLOAD_CAP_BYTES + 1, decode_content=True)
            except requests.RequestException as error:
                raise Refused(type(error).__name__) from None
            if len(data) > _DOWNLOAD_CAP_BYTES:
                raise Refused("The file is too large.")
            return data, name
        raise Refused("Too many redirects")

    def _fresh(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = self._verify
        return session

    def check(self, url: str) -> None:
        """Raise `Refused` unless WordPress's wp_http_validate_url would let `url` through."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Refused("A valid URL was not provided.") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise Refused("A valid URL was not provided.")
        own = parts.hostname == self._home.hostname
        addresses = _addresses(parts.hostname, port)
        if self._loopback and all(ip.is_loopback for ip in addresses):
            return
        if not own and not all(is_public(ip) for ip in addresses):
            raise Refused("A valid URL was not provided.")
        if port not in SAFE_PORTS and not (own and port == self._home.port):
            raise Refused("A valid URL was not provided.")


def _addresses(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("Could not resolve host") from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
