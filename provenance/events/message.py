"""An event as it travels: rendered once, so that what is sent again is the same to the byte."""

import json
from collections.abc import Sequence
from typing import Any, Self

from weightmark.errors import MalformedError
from weightmark.provenance.events.event import Event, Severity, stamp
from weightmark.provenance.events.forms.interface import Form
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["LARGEST_PACK", "Message", "pack", "packed_size", "unpack"]

_SCHEMA = "weightmark/event-spool/v1"
LARGEST_PACK = 16 * 1024 * 1024
"""bytes of one file of a spool"""
_SHORT = 6 * 1024
"""bytes of the short form, which leave room in a datagram for what stands before it"""
_SHORTER = (60, 20)
"""characters of each text in it, until it fits"""
_TEXTS = ("uid", "at", "host", "version", "name", "body", "short")


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered event."""

    uid: str
    """32 hex digits, by which a receiver knows what it has already"""
    at: str
    """RFC 3339 in UTC, to the millisecond"""
    host: str
    """name of the machine"""
    version: str
    """of the program that tells it"""
    name: str
    """command and verdict, as `gate.deny`"""
    severity: Severity
    """how much it matters"""
    body: bytes
    """one line in the form that was asked for"""
    short: bytes
    """the same without long parts, for datagrams"""

    @classmethod
    def of(cls, event: Event, form: Form) -> Self:
        """Bound and render an event."""
        bounded = event.bounded()
        return cls(
            uid=event.uid,
            at=stamp(event.at),
            host=bounded.host,
            version=bounded.version,
            name=f"{bounded.command.replace(' ', '-')}.{bounded.verdict}",
            severity=event.severity,
            body=form.render(bounded),
            short=_short(bounded, form),
        )


def _short(event: Event, form: Form) -> bytes:
    """Render an event in few bytes: names that grow when they are written are cut the more."""
    rendered = form.render(event.short())
    for most in _SHORTER:
        if len(rendered) <= _SHORT:
            break
        rendered = form.render(event.short(most))
    return rendered


def packed_size(message: Message) -> int:
    """Return how many bytes a message takes in a file of a spool, at most."""
    return len(pack([message]))


def pack(messages: Sequence[Message]) -> bytes:
    """Return messages as a file of a spool."""
    entries = [
        {
            **{name: getattr(one, name) for name in _TEXTS[:-2]},
            "severity": int(one.severity),
            "body": one.body.decode("utf-8"),
            "short": one.short.decode("utf-8"),
        }
        for one in messages
    ]
    return json.dumps({"schema": _SCHEMA, "messages": entries}).encode("ascii")


def unpack(data: bytes) -> tuple[Message, ...]:
    """Read a file of a spool; raises `MalformedError` and `LimitError`."""
    document = parse_object(data, what="a file of the spool of events", max_size=LARGEST_PACK)
    entries = document.get("messages")
    if document.get("schema") != _SCHEMA or not isinstance(entries, list):
        raise MalformedError("this is no file of a spool of events")
    return tuple(_message(one) for one in entries)


def _message(entry: Any) -> Message:
    if not isinstance(entry, dict) or set(entry) != {*_TEXTS, "severity"}:
        raise MalformedError("a message of the spool has other members")
    if not all(isinstance(entry[name], str) for name in _TEXTS):
        raise MalformedError("a member of a message of the spool is no text")
    if type(entry["severity"]) is not int or entry["severity"] not in set(Severity):
        raise MalformedError("the severity of a message of the spool is none")
    if any("\n" in entry[name] or "\r" in entry[name] for name in _TEXTS):
        raise MalformedError("a message of the spool holds a line end")
    return Message(
        entry["uid"],
        entry["at"],
        entry["host"],
        entry["version"],
        entry["name"],
        Severity(entry["severity"]),
        entry["body"].encode("utf-8"),
        entry["short"].encode("utf-8"),
    )
