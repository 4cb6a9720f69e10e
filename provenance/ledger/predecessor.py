"""The log that a new one takes over from, and what entry 0 of the new one says of it. Pure.

Nothing is left out in silence: what could not be taken over is named, so that whoever reads the new log
knows what it does not know.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from functools import cached_property
from operator import lt
from typing import Any

from weightmark.errors import MalformedError
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

__all__ = [
    "ANY_FILE",
    "CarriedRevocation",
    "LeftRevocations",
    "Predecessor",
    "carried_fields",
    "left_fields",
    "pack_descent",
    "predecessor_fields",
    "predecessor_from",
]

ANY_FILE = "0" * 64
"""stands for every file in what was told of descent: a release that nobody could read may be about it alone"""
_NAME, _CLAIM = 4, 8
_RECORD = _NAME + _CLAIM


@dataclass(frozen=True, slots=True)
class CarriedRevocation:
    """A revocation that was in force in the log before, and binds in the new one from entry 0 on."""

    origin: str
    """the log that it was entered into"""
    index: int
    """of its entry there"""
    claim_id: str
    """of its claim, hex; what a reinstatement names"""
    claim_sha256: str
    """SHA-256 of its claim's bytes, hex; the same bytes entered again are the same revocation"""
    subject: str
    """what is revoked: `wm1:<hex>`, `sha256:<hex>`, `key:<hex>` or `salted:<hex>`"""
    salt: str
    """for an identity the salt of the commitment, hex; empty for everything else"""
    reason: str
    """why, for people"""
    since: str
    """of a signer, RFC 3339 UTC: what is proven to be older stays good; empty when nothing does"""
    signer: str
    """who revoked it, `key:<hex>` or `salted:<hex>`"""
    only_of: str
    """without the role: whose claims alone it binds, `key:<hex>` or `salted:<hex>`; empty when it binds everybody"""


@dataclass(frozen=True, slots=True)
class LeftRevocations:
    """Revocations in force in the log before that entry 0 of the new one has no room for."""

    origin: str
    """the log that they were entered into"""
    signer: str
    """whose own claims they are about, `key:<hex>` or `salted:<hex>`; empty for those by the role"""
    subjects: tuple[str, ...] = ()
    """what the role revoked, sorted; empty when nobody says, and for those about a signer's own claims"""


@dataclass(frozen=True)
class Predecessor:
    """The log that a new one takes over from, because its key was lost or leaked."""

    checkpoint: str
    """its last signed checkpoint that is believed; what came later does not count"""
    log_vkey: str
    """its verifier key, which signed that checkpoint"""
    recovery_vkey: str
    """its recovery key, which signed entry 0 of the new log"""
    revoked: tuple[CarriedRevocation, ...] | None = None
    """what was revoked in it, as whoever holds both recovery keys says; None when nobody said, and then nobody can tell"""
    left: tuple[LeftRevocations, ...] = ()
    """what was revoked in it beside that"""
    descent: bytes | None = None
    """which claims told there of descent, as `pack_descent` writes it; None when nobody said"""

    @cached_property
    def told(self) -> dict[str, tuple[str, ...]]:
        """Beginnings of the ids of claims that told of descent, by the beginning of the name that they were about."""
        found: dict[str, tuple[str, ...]] = {}
        text = (self.descent or b"").hex()
        for at in range(0, len(text), 2 * _RECORD):
            name, claim = text[at : at + 2 * _NAME], text[at + 2 * _NAME : at + 2 * _RECORD]
            found[name] = (*found.get(name, ()), claim)
        return found

    @cached_property
    def name(self) -> str:
        """How later policies name what entry 0 says of it: `sha256:<hex>` of that field in canonical JSON."""
        digest = hashlib.sha256(canonical_json(predecessor_fields(self)))
        return f"sha256:{digest.hexdigest()}"

    def told_of(self, digest: str) -> tuple[str, ...]:
        """Return the beginnings, 16 hex digits, of the ids of claims that may have told of the descent of a name."""
        return self.told.get(digest[: 2 * _NAME], ())


def pack_descent(told: Iterable[tuple[str, str]]) -> bytes:
    """Write which claims told of descent: of each 4 bytes of the name that it was about, and 8 of its id.

    Two names that begin alike make one of them unchecked, and none clean.
    """
    records = {bytes.fromhex(name[: 2 * _NAME] + claim_id[: 2 * _CLAIM]) for name, claim_id in told}
    return b"".join(sorted(records))


def predecessor_fields(before: Predecessor | None) -> dict[str, object] | None:
    """Return the field `succeeds` of a registration policy."""
    if before is None:
        return None
    fields: dict[str, object] = {
        "checkpoint": before.checkpoint,
        "log": before.log_vkey,
        "recovery": before.recovery_vkey,
    }
    if before.revoked is None:
        return fields
    told = None if before.descent is None else base64.b64encode(before.descent).decode()
    return fields | {
        "descent": told,
        "left": [left_fields(one) for one in before.left],
        "revoked": [carried_fields(one) for one in before.revoked],
    }


def carried_fields(one: CarriedRevocation) -> dict[str, object]:
    """Return one of `revoked`."""
    return {name: getattr(one, name) for name in CarriedRevocation.__dataclass_fields__}


def left_fields(one: LeftRevocations) -> dict[str, object]:
    """Return one of `left`."""
    return {"origin": one.origin, "signer": one.signer, "subjects": list(one.subjects)}


def predecessor_from(fields: dict[str, Any] | None) -> Predecessor | None:
    """Read what `predecessor_fields` wrote.

    Raises `MalformedError`, `KeyError`, `TypeError`; whoever calls it compares the fields as a whole.
    """
    if fields is None:
        return None
    names = (str(fields["checkpoint"]), str(fields["log"]), str(fields["recovery"]))
    if "revoked" not in fields:
        return Predecessor(*names)
    revoked = tuple(_carried_from(one) for one in fields["revoked"])
    left = tuple(_left_from(one) for one in fields["left"])
    return Predecessor(*names, revoked, left, _descent_from(fields["descent"]))


def _carried_from(fields: dict[str, Any]) -> CarriedRevocation:
    index = fields["index"]
    if type(index) is not int or index < 0:
        raise MalformedError("a revocation of the log before has no entry there")
    if any(type(value) is not str for name, value in fields.items() if name != "index"):
        raise MalformedError("a revocation of the log before has a field that is no text")
    return CarriedRevocation(**fields)


def _left_from(fields: dict[str, Any]) -> LeftRevocations:
    found = LeftRevocations(str(fields["origin"]), str(fields["signer"]), tuple(fields["subjects"]))
    if any(type(one) is not str for one in found.subjects):
        raise MalformedError("a revocation that was left in the log before names no subject")
    return found


def _descent_from(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedError("what the log before told of descent is not base64") from error
    records = [data[at : at + _RECORD] for at in range(0, len(data), _RECORD)]
    if len(data) % _RECORD or not all(map(lt, records, records[1:])):
        raise MalformedError("what the log before told of descent is not in order")
    return data
