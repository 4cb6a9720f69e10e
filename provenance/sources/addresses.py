"""Web addresses as sources use them: where a secret may go, and how an address is printed."""

import ipaddress
from urllib.parse import urlsplit, urlunsplit

__all__ = [
    "is_private_way",
    "is_same_origin",
    "is_this_machine",
    "is_web_address",
    "origin_of",
    "printable_address",
    "printable_uri",
]

_PORTS = {"http": 80, "https": 443}


def printable_address(url: str) -> str:
    """Return an address without user, password, query and fragment: any of them may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that can't be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def printable_uri(uri: str) -> str:
    """Return what somebody typed as an address, 200 characters of it, without login and query."""
    scheme, separator, rest = uri.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    place, at, name = rest.rpartition("@")
    if at and ":" in place.partition("/")[0]:
        rest = name
    return f"{scheme}{separator}{rest}"[:200] if separator else uri[:200]


def is_web_address(url: str) -> bool:
    """Tell whether something can be asked for there by HTTP."""
    scheme, host, _ = _origin_of(url)
    return scheme in _PORTS and bool(host)


def is_same_origin(one: str, other: str) -> bool:
    """Tell whether scheme, host and port are the same: then the one may see the other's secrets."""
    return is_web_address(one) and _origin_of(one) == _origin_of(other)


def is_private_way(url: str) -> bool:
    """Tell whether nobody on the way can read what is sent: TLS, or this very machine."""
    scheme, host, _ = _origin_of(url)
    return scheme == "https" or (scheme == "http" and _is_loopback(host))


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port; what belongs to one origin may see its secrets. Raises `ValueError`."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def _origin_of(url: str) -> tuple[str, str, int]:
    """Return the origin; nothing in all three for what is no address."""
    try:
        return origin_of(url)
    except ValueError:
        return "", "", 0


def is_this_machine(url: str) -> bool:
    """Tell whether an address leads nowhere but to this machine."""
    return _is_loopback(_origin_of(url)[1])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
