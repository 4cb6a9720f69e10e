"""Messages of syslog (RFC 5424): what stands in a field never ends it, and no message holds a line end."""

from collections.abc import Mapping

__all__ = [
    "AUDIT",
    "CRITICAL",
    "ERROR",
    "INFORMATIONAL",
    "NOTICE",
    "WARNING",
    "data_id",
    "syslog_message",
]

AUDIT = 13
"""facility: log audit"""
CRITICAL, ERROR, WARNING, NOTICE, INFORMATIONAL = 2, 3, 4, 5, 6
"""severities"""
_ENTERPRISE = 32473
"""the number for examples (RFC 5612): ours is not registered"""
_MAX_HOST, _MAX_ID = 255, 32


def data_id(name: str) -> str:
    """Return the name of structured data of ours."""
    return f"{name}@{_ENTERPRISE}"


def syslog_message(
    severity: int,
    at: str,
    *,
    host: str,
    message_id: str,
    element: str,
    data: Mapping[str, str],
    text: str,
) -> str:
    """Return one message of facility 13; `at` is RFC 3339, `element` names the structured data (`data_id`).

    Names in `data` are ours, values may be anything.
    """
    pairs = " ".join(f'{_name(name)}="{_value(value)}"' for name, value in data.items())
    return (
        f"<{8 * AUDIT + severity}>1 {at} {_word(host, _MAX_HOST)} weightmark - "
        f"{_word(message_id, _MAX_ID)} [{element} {pairs}] {_printable(text)}"
    )


def _word(text: str, most: int) -> str:
    """Return a field of the header: printable ASCII without spaces; `-` for what is none."""
    plain = "".join(letter if "!" <= letter <= "~" else "?" for letter in text)
    return plain[:most] or "-"


def _name(text: str) -> str:
    return text.replace("_", "-")


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
    return _printable(escaped)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
