"""CEF (ArcSight Common Event Format, version 0): one line an event."""

from collections.abc import Mapping

from weightmark.provenance.events.event import Event, Severity, milliseconds
from weightmark.provenance.events.product import PRODUCT

__all__ = ["Cef", "cef_message"]

_SEVERITIES = {
    Severity.INFORMATIONAL: 1,
    Severity.LOW: 3,
    Severity.MEDIUM: 5,
    Severity.HIGH: 8,
    Severity.CRITICAL: 10,
}
_LABELS = {
    "cs1Label": "identity",
    "cs2Label": "verdict",
    "cs3Label": "policy",
    "cs4Label": "rule",
    "cs5Label": "reasons",
    "cs6Label": "call",
    "cn1Label": "exit",
    "cn2Label": "truncated",
}
_MOST_REASONS = 10


class Cef:
    """Header fields escape the pipe, extension values the equals sign; line ends never stand in either."""

    media_type = "text/plain; charset=utf-8"

    def render(self, event: Event) -> bytes:
        """Return one message."""
        what = f"{event.command.replace(' ', '-')}.{event.verdict}"
        header = (PRODUCT.vendor, PRODUCT.name, event.version, what, _title(event))
        return cef_message(header, _SEVERITIES[event.severity], _extension(event)).encode()

    def together(self, lines: list[bytes]) -> bytes:
        """Return one message a line."""
        return b"".join(line + b"\n" for line in lines)


def cef_message(header: tuple[str, ...], severity: int, extension: Mapping[str, str]) -> str:
    """Return a message of vendor, product, version, event class and name, a severity from 0 to 10, and an extension.

    Keys of the extension are ours; values may be anything.
    """
    front = "|".join(_header(part) for part in header)
    tail = " ".join(f"{key}={_value(extension[key])}" for key in sorted(extension))
    return f"CEF:0|{front}|{severity}|{tail}"


def _title(event: Event) -> str:
    if event.finding:
        return f"{event.finding.rule}: {event.finding.title}"
    return f"{event.command}: {event.verdict}"


def _extension(event: Event) -> dict[str, str]:
    reasons = [one.code or one.name for one in event.checks if one.outcome in {"fail", "unchecked"}]
    values = {
        "rt": str(milliseconds(event.at)),
        "externalId": event.uid,
        "dvchost": event.host,
        "act": event.command,
        "outcome": "success" if event.exit == 0 else "failure",
        "fname": event.subject.name,
        "filePath": event.finding.location if event.finding else "",
        "suser": event.signers[0] if event.signers else "",
        "msg": event.message,
        "cn1": str(event.exit),
        "cn2": "1" if event.truncated else "",
        "cs1": event.subject.identity,
        "cs2": event.verdict,
        "cs3": f"{event.policy.name} {event.policy.digest}" if event.policy else "",
        "cs4": event.finding.rule if event.finding else "",
        "cs5": ", ".join(sorted(set(reasons))[:_MOST_REASONS]),
        "cs6": event.call,
    }
    said = {key: value for key, value in values.items() if value}
    labels = {key: word for key, word in _LABELS.items() if key.removesuffix("Label") in said}
    return {**said, **labels}


def _header(text: str) -> str:
    return _one_line(text.replace("\\", "\\\\").replace("|", "\\|"))


def _value(text: str) -> str:
    return _one_line(text.replace("\\", "\\\\").replace("=", "\\="))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
