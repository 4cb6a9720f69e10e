"""Revoking an entry of a trust file: from a moment on, only signatures that are proven to be older count."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from weightmark.attestations.checks import counted
from weightmark.attestations.trust.editing import with_values
from weightmark.attestations.trust.interface import Anchor
from weightmark.attestations.trust.trust_file import ANCHOR_KINDS, TrustFile
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["Revocation"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """That an entry no longer counts, since when, and why."""

    kind: str
    """`keys`, `certificates` or `identities`"""
    label: str
    """name of the entry"""
    since: datetime
    """signatures must be proven to be older than this, in UTC"""
    reason: str
    """for people; may be empty"""

    @classmethod
    def of(cls, file: TrustFile, word: str, since: datetime, reason: str = "") -> Self:
        """Mean the entry of `file` that is called `LABEL` or `KIND.LABEL`.

        One that is revoked already can be revoked from an earlier moment on, never from a later
        one. Raises `CallError` for that, and when there is none or several.
        """
        found = {
            f"{kind}.{anchor.label}": anchor
            for kind, anchor in zip(_kinds(file), file.anchors, strict=True)
            if word in (anchor.label, f"{kind}.{anchor.label}")
        }
        if len(found) != 1:
            known = ", ".join(f"`{name}`" for name in (found or _names(file)))
            raise CallError(
                f"{counted(len(found), 'entry', 'entries')} of the trust file are called `{word[:100]}`"
                if found
                else f"no entry of the trust file is called `{word[:100]}`",
                fix=f"name one of {known}" if known else "the file trusts nobody",
            )
        ((name, anchor),) = found.items()
        before = anchor.validity
        if before.revoked and since >= before.revoked:
            raise CallError(
                f"`{name}` is revoked already, since {before.revoked:%Y-%m-%dT%H:%M:%SZ}",
                why="a later moment would make signatures count again that are revoked now",
                fix="name an earlier one with `--since`, or correct `revoked` in the file with an editor",
            )
        return cls(name.partition(".")[0], anchor.label, since, reason or before.reason)

    @property
    def name(self) -> str:
        """The dotted name of the entry."""
        return f"{self.kind}.{self.label}"

    def write_into(self, text: str) -> str:
        """Return the text of the trust file with the revocation in it; raises `CallError`."""
        values: dict[str, str | bool | datetime] = {"revoked": self.since}
        if self.reason:
            values["reason"] = self.reason
        return with_values(text, self.kind, self.label, values)

    def require_only(self, before: TrustFile, after: TrustFile) -> None:
        """Demand that the revocation is all that `after` says otherwise than `before`; raises `CallError`."""
        then, now = _by_name(before), _by_name(after)
        validity = then[self.name].validity
        expected = Validity(validity.not_before, validity.not_after, self.since, self.reason)
        others = {name: one.validity for name, one in then.items() if name != self.name}
        same = others == {name: one.validity for name, one in now.items() if name != self.name}
        if not same or now[self.name].validity != expected:
            raise CallError(
                f"`{self.name}` was not revoked: the file would say something else than is meant",
                fix="correct the file with an editor; docs/formats/trust.md has its fields",
            )


def _kinds(file: TrustFile) -> list[str]:
    return [ANCHOR_KINDS[type(anchor)] for anchor in file.anchors]


def _by_name(file: TrustFile) -> Mapping[str, Anchor]:
    return dict(zip(_names(file), file.anchors, strict=True))


def _names(file: TrustFile) -> list[str]:
    pairs = zip(_kinds(file), file.anchors, strict=True)
    return [f"{kind}.{anchor.label}" for kind, anchor in pairs]
