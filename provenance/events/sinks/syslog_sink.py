"""A syslog server: RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587 §3.4.1), TLS (RFC 5425)."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from weightmark.provenance.events.event import Severity
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.rfc5424 import (
    CRITICAL,
    ERROR,
    INFORMATIONAL,
    NOTICE,
    WARNING,
    data_id,
    syslog_message,
)
from weightmark.provenance.events.sinks.interface import (
    Fate,
    UndeliveredError,
    Unkept,
    remaining,
)

__all__ = ["StreamSyslog", "UdpSyslog", "framed"]

_SEVERITIES = {
    Severity.INFORMATIONAL: INFORMATIONAL,
    Severity.LOW: NOTICE,
    Severity.MEDIUM: WARNING,
    Severity.HIGH: ERROR,
    Severity.CRITICAL: CRITICAL,
}
_LARGEST_DATAGRAM = 8192
"""bytes; receivers take 2,048 at least, and this by default"""
_ATTEMPTS = 3
_FIRST_PAUSE = 0.2
_FAREWELL = 1.0
"""seconds that the server may take to close"""
_SETTLE = 0.02
"""seconds in which a server that closed the connection makes itself known before anything is written"""


class UdpSyslog(Unkept):
    """Sends datagrams. Nobody says whether they came."""

    is_remote = True

    def __init__(self, host: str, port: int) -> None:
        """Name the server."""
        self.name = f"syslog://{_bracketed(host)}:{port}"
        self._place = (host, port)

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Send one datagram an event, its short form where the whole does not fit; raises `UndeliveredError`.

        What is too long even so, or not taken, keeps no other event back.
        """
        try:
            found = socket.getaddrinfo(*self._place, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as server:
                server.settimeout(remaining(deadline))
                problems = [_sent(server, address, message) for message in messages]
        except OSError as error:
            raise UndeliveredError(_words(error)) from error
        lost = [one for one in problems if one]
        if lost:
            raise UndeliveredError(
                f"{len(lost)} of {len(messages)} events did not leave: {lost[0]}",
                again=False,
                fate=Fate.PARTLY,
            )


class StreamSyslog(Unkept):
    """Sends frames over a connection of its own, with TLS or without."""

    is_remote = True

    def __init__(
        self, host: str, port: int, *, tls: bool, pause: Callable[[float], object] = time.sleep
    ) -> None:
        """Name the server; with `tls` its certificate is checked against the system's authorities."""
        self.name = f"syslog+{'tls' if tls else 'tcp'}://{_bracketed(host)}:{port}"
        self._place = (host, port)
        self._tls = tls
        self._pause = pause

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Send all frames, and begin anew when the connection breaks; raises `UndeliveredError`.

        Syslog has no answers: what the server's machine took counts as delivered.
        """
        data = b"".join(framed(_line(message, message.body)) for message in messages)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._send_once(data, deadline)
            except OSError as error:
                if attempt == _ATTEMPTS:
                    raise UndeliveredError(_words(error)) from error
                self._pause(min(_FIRST_PAUSE * 2**attempt, remaining(deadline)))
            else:
                return

    def _send_once(self, data: bytes, deadline: float) -> None:
        with self._connected(deadline) as server:
            _require_open(server)
            server.settimeout(remaining(deadline))
            server.sendall(data)
            _finish(server, deadline)

    def _connected(self, deadline: float) -> socket.socket:
        server = socket.create_connection(self._place, remaining(deadline))
        if not self._tls:
            return server
        import ssl

        try:
            server.settimeout(remaining(deadline))
            context = ssl.create_default_context()
            return context.wrap_socket(server, server_hostname=self._place[0])
        except BaseException:
            server.close()
            raise


def framed(message: bytes) -> bytes:
    """Return a message with its length in front."""
    return b"%d %b" % (len(message), message)


def _require_open(server: socket.socket) -> None:
    server.settimeout(_SETTLE)
    try:
        if not server.recv(1):
            raise ConnectionResetError("the server closed the connection at once")
    except TimeoutError:
        return


def _finish(server: socket.socket, deadline: float) -> None:
    """End in order: a server that broke off shows it now, and one that says nothing took everything."""
    server.settimeout(min(_FAREWELL, remaining(deadline)))
    with suppress(TimeoutError):
        if hasattr(server, "unwrap"):
            _say_farewell(server)
            return
        server.shutdown(socket.SHUT_WR)
        server.recv(1)


def _say_farewell(server: Any) -> None:
    """Close TLS; a server may close the connection without a word, as many do."""
    from ssl import SSLEOFError, SSLZeroReturnError

    with suppress(SSLEOFError, SSLZeroReturnError):
        server.unwrap()


def _sent(server: socket.socket, address: Any, message: Message) -> str:
    """Send one datagram; returns why that did not work, nothing when it did."""
    data = _datagram(message)
    if not data:
        return "too long for a datagram, name `syslog+tcp://…`"
    try:
        server.sendto(data, address)
    except OSError as error:
        return _words(error)
    return ""


def _datagram(message: Message) -> bytes:
    """Return the longest form of a message that fits; nothing when none does."""
    lines = (_line(message, message.body), _line(message, message.short))
    return next((one for one in lines if len(one) <= _LARGEST_DATAGRAM), b"")


def _line(message: Message, body: bytes) -> bytes:
    data = {"uid": message.uid, "event": message.name, "severity": message.severity.name.lower()}
    return syslog_message(
        _SEVERITIES[message.severity],
        message.at,
        host=message.host,
        message_id=message.name.upper(),
        element=data_id("weightmark"),
        data=data,
        text=body.decode("utf-8"),
    ).encode("utf-8")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return (error.strerror or str(error) or type(error).__name__).lower()[:200]
