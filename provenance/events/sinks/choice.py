"""Which receiver an address names."""

import hashlib
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from weightmark.errors import CallError
from weightmark.provenance.events.forms.interface import Form
from weightmark.provenance.events.sinks.file import FileSink
from weightmark.provenance.events.sinks.interface import Sink
from weightmark.provenance.events.sinks.stream import StreamSink
from weightmark.provenance.sources.addresses import is_private_way
from weightmark.values import dataclass

__all__ = ["STDOUT", "SinkOptions", "is_remote", "sink_of"]

STDOUT = "-"
"""stands for stdout"""
_PORTS = {"syslog": 514, "syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514}
_UNANSWERED = frozenset({"syslog", "syslog+udp"})
"""nobody says whether these came, so there is nothing to keep"""
_WEB = frozenset({"https", "http"})
_OTEL = frozenset({"otlp+https", "otlp+http"})
_LONGEST = 4096
_KNOWN = "a file, `-`, `syslog://HOST`, `syslog+tcp://HOST`, `syslog+tls://HOST`, `https://…` or `otlp+https://…`"


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What receivers need beside their address."""

    form: Form
    """in which events are written"""
    spools: Path
    """the folder of all spools"""
    secret: bytes = b""
    """signs what a webhook gets; empty for no signature"""
    token: str = ""
    """bearer token for web addresses; empty for none"""
    offline: bool = False
    """store only, and send at a later run"""


def is_remote(address: str) -> bool:
    """Tell whether an address names something other than a file or stdout."""
    return "://" in address


def sink_of(address: str, options: SinkOptions) -> Sink:
    """Return the receiver that `address` names; raises `CallError`, and `ExtraMissingError` for OpenTelemetry."""
    if len(address) > _LONGEST or not address.isprintable():
        raise CallError("`--events` is no address", fix=f"name {_KNOWN}")
    if address == STDOUT:
        return StreamSink()
    if not is_remote(address):
        return FileSink(address)
    from weightmark.provenance.events.sinks.spooled import SpooledSink
    from weightmark.provenance.events.spool import Spool

    parts, port = _split(address)
    sink = _remote(address, parts, port, options)
    if parts.scheme in _UNANSWERED:
        return sink
    return SpooledSink(sink, Spool(_spool_of(address, options)), offline=options.offline)


def _remote(address: str, parts: SplitResult, port: int, options: SinkOptions) -> Sink:
    host = parts.hostname or ""
    if parts.scheme in _PORTS:
        from weightmark.provenance.events.sinks.syslog_sink import StreamSyslog, UdpSyslog

        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise CallError(
                "an address of syslog is a host and a port", fix="as `syslog://HOST:514`"
            )
        if parts.scheme in _UNANSWERED:
            return UdpSyslog(host, port)
        return StreamSyslog(host, port, tls=parts.scheme == "syslog+tls")
    url = address.removeprefix("otlp+")
    if not is_private_way(url):
        raise CallError(
            f"events are not sent to `{host}` without TLS",
            why="anybody on the way could read and change them",
            fix="use `https://`; `http://` is for this machine only",
        )
    if parts.scheme in _WEB:
        from weightmark.provenance.events.sinks.webhook import Webhook

        return Webhook(url, options.form, secret=options.secret, token=options.token)
    from weightmark.provenance.events.sinks.otel import OtelSink

    return OtelSink(url, token=options.token)


def _split(address: str) -> tuple[SplitResult, int]:
    """Take an address apart; no word of it is repeated in an error, as it may hold a secret."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise CallError("an address of `--events` can't be read", fix=f"name {_KNOWN}") from error
    if parts.scheme not in {*_PORTS, *_WEB, *_OTEL} or not parts.hostname:
        raise CallError(
            f"`--events` knows no `{address.partition('://')[0][:30]}://` like this",
            fix=f"name {_KNOWN}",
        )
    if "@" in parts.netloc:
        raise CallError(
            "an address of `--events` holds a login",
            why="addresses end up in logs and process lists",
            fix="put the token into a file, and name it with `--events-token-file`",
        )
    return parts, _PORTS.get(parts.scheme, 0) if port is None else port


def _spool_of(address: str, options: SinkOptions) -> Path:
    """Return the folder of one address and form; its name does not tell the address."""
    words = f"{options.form.media_type}\n{type(options.form).__name__}\n{address}"
    return options.spools / hashlib.sha256(words.encode()).hexdigest()[:32]
