"""What the rules of the monitor remember, read back strictly from the state file."""

from dataclasses import asdict
from typing import Any

from weightmark.attestations.ledger.monitor.interface import Known
from weightmark.errors import MalformedError

__all__ = ["known_from"]

_MODEL = {"issuers": list, "licenses": list, "safe": bool, "signers": list, "size": int}
_WAITING = {"at": str, "missing": list, "subject": str}


def known_from(fields: dict[str, Any]) -> Known:
    """Read what `asdict` made of a `Known`; what a file from before lacks is empty. Raises `MalformedError`."""
    found = {**asdict(Known()), **fields}
    if found.keys() != asdict(Known()).keys():
        raise MalformedError("the state of the monitor is of another version")
    if not (
        all(type(found[name]) is type(value) for name, value in asdict(Known()).items())
        and all(_is_model(one) for one in found["models"].values())
        and all(_is_waiting(*one) for one in found["waiting"].items())
        and all(_is_texts(one) for one in found["early"].values())
        and all(type(one) is int for one in found["minutes"].values())
    ):
        raise MalformedError("what the rules of the monitor remember is not what weightmark wrote")
    return Known(**found)


def _is_model(value: object) -> bool:
    return isinstance(value, dict) and all(
        name in _MODEL
        and type(one) is _MODEL[name]
        and (_MODEL[name] is not list or _is_texts(one))
        for name, one in value.items()
    )


def _is_waiting(index: str, value: object) -> bool:
    return (
        index.isascii()
        and index.isdecimal()
        and isinstance(value, dict)
        and {name: type(one) for name, one in value.items()} == _WAITING
        and _is_texts(value["missing"])
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is str for one in value)
