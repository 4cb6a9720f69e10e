"""Where a redirect may lead: from a public host to public addresses only, from a private one anywhere.

Names are looked up by whoever connects, so what counts is the address that was connected to. Behind a
proxy nobody here sees it, and only what the address itself spells is judged.
"""

import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from weightmark.errors import NetworkError
from weightmark.provenance.sources.addresses import printable_address

if TYPE_CHECKING:
    from requests import Session

__all__ = ["RedirectGuard", "is_public", "spells_inward"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAMES = frozenset(["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"])
_WHY = "a public host must not lead into a private network, nor to this machine"


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet; what is no address is none.

    Not public are loopback, private, unique-local, link-local, shared (RFC 6598), reserved and multicast
    ones, and IPv6 forms that stand for such an IPv4 address.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or _translated(found)
        if inner and not is_public(str(inner)):
            return False
        found = found.ipv4_mapped or found
    return found.is_global and not found.is_multicast


def spells_inward(url: str) -> bool:
    """Tell whether the host of a URL is, as it is spelled, this machine or an address that is not public."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return True
    if host in _LOCAL_NAMES or host.endswith(".localhost"):
        return True
    try:
        # `127.1`, `0x7f.1` and `2130706433` are addresses to the resolver
        return not is_public(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, ValueError):
        return ":" in host and not is_public(host)


class RedirectGuard:
    """Watches one request on its way through redirects."""

    def __init__(self, first: str) -> None:
        """Name the URL that was asked for."""
        self._first = first
        self._inward = spells_inward(first)
        self._met = False

    def follow(self, target: str) -> None:
        """Judge where a redirect leads; raises `NetworkError`."""
        if not self._inward and spells_inward(target):
            raise NetworkError(
                f"`{printable_address(self._first)}` leads to `{printable_address(target)[:200]}`",
                why=_WHY,
                fix="ask for that address itself, if you trust it",
            )

    def meet(self, peer: str) -> None:
        """Judge the address that was connected to; the first is the caller's own choice. Raises `NetworkError`."""
        public = is_public(peer)
        if not self._met:
            self._inward = self._inward or not public
        elif not self._inward and not public:
            raise NetworkError(
                f"`{printable_address(self._first)}` leads to the address {peer[:60]}",
                why=_WHY,
                fix="ask for that address itself, if you trust it",
            )
        self._met = True

    def watch(self, session: "Session") -> None:
        """Meet every address that the session connects to, before a byte is sent there."""
        from requests.adapters import HTTPAdapter
        from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
        from urllib3.connection import HTTPConnection, HTTPSConnection

        checked = self._checked

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return checked(super()._new_conn())

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return checked(super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        adapter: Any = HTTPAdapter()
        adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
        for scheme in ("http://", "https://"):
            session.mount(scheme, adapter)

    def _checked(self, connected: socket.socket) -> socket.socket:
        try:
            self.meet(str(connected.getpeername()[0]))
        except BaseException:
            connected.close()
            raise
        return connected


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a translator reaches by this one (RFC 6052)."""
    return ipaddress.IPv4Address(address.packed[-4:]) if address in _NAT64 else None
