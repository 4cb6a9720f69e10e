"""Whether a copy of a ledger may sign: the live one may, a backup and a restored older copy may not."""

from enum import StrEnum

from weightmark.errors import LedgerNotLiveError, MalformedError
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["LIVE", "Role", "Standing"]


class Role(StrEnum):
    """What a copy is for."""

    LIVE = "live"
    """the one that grows"""
    BACKUP = "backup"
    """a copy to restore from"""
    RESTORED = "restored"
    """made from a backup, and not yet compared with the newest known checkpoint"""
    MOVED = "moved"
    """migrated to another place, which grows instead"""
    SUCCEEDED = "succeeded"
    """its key was lost or leaked, and another log took over"""


_REFUSALS = {
    Role.BACKUP: (
        "is a backup, so nothing can be appended",
        "a backup that grows would be another history",
        "make a ledger of it with `weightmark ledger restore`",
    ),
    Role.RESTORED: (
        "was restored from a backup and not yet reconciled, so nothing is signed",
        "if entries were added after the backup, new ones would be another history",
        "name the newest known checkpoint with `weightmark ledger restore --checkpoint`",
    ),
    Role.MOVED: (
        "has moved, so nothing can be appended here",
        "two places that grow would be two histories",
        "use the new place, or finish the move with `weightmark ledger migrate`",
    ),
    Role.SUCCEEDED: (
        "was succeeded by another log, so nothing can be appended here",
        "its key was lost or leaked",
        "use the ledger that took over, with its own log key: ask its operator for both",
    ),
}


_WHERE = {
    Role.MOVED: "; it moved to `{}`",
    Role.SUCCEEDED: "; the log `{}` took over",
}


_ENDS = {
    Role.MOVED: ("has moved to another place", "ask its operator for the new address"),
    Role.SUCCEEDED: (
        "was succeeded by the log `{}`",
        "ask its operator for the address and the log key of that one",
    ),
}
_COPY = ("is served from a copy that is not the live one", "ask its operator for the live one")


@dataclass(frozen=True, slots=True)
class Standing:
    """The role of a copy."""

    role: Role
    """what it is for"""
    detail: str = ""
    """for a moved ledger its new place, for a succeeded one the origin of the log that took over"""
    log_vkey: str = ""
    """for a succeeded ledger the verifier key of the log that took over; empty until that stands"""

    def require_live(self, name: str) -> None:
        """Raise `LedgerNotLiveError` unless this copy may sign."""
        if self.role is not Role.LIVE:
            what, why, fix = _REFUSALS[self.role]
            where = _WHERE.get(self.role, "").format(self.detail) if self.detail else ""
            raise LedgerNotLiveError(f"the ledger at `{name}` {what}", why=f"{why}{where}", fix=fix)

    def require_served(self, origin: str) -> None:
        """Raise `LedgerNotLiveError` unless this copy may be served; it names no place of the operator's."""
        if self.role is Role.LIVE:
            return
        end, fix = _ENDS.get(self.role, _COPY)
        raise LedgerNotLiveError(
            f"the ledger `{origin}` {end.format(self.detail)}",
            why="nothing is entered here any more, and what was revoked since is not in it",
            fix=fix,
        )

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        fields = {"detail": self.detail, "role": self.role.value, "v": 1}
        return canonical_json(fields | ({"log": self.log_vkey} if self.log_vkey else {}))

    @classmethod
    def parse(cls, data: bytes) -> "Standing":
        """Read what `to_bytes` wrote; raises `MalformedError`."""
        fields = parse_object(data, what="the standing of the ledger", max_size=65536)
        role, detail, log = fields.get("role"), fields.get("detail"), fields.get("log", "")
        if role not in set(Role) or not isinstance(detail, str) or fields.get("v") != 1:
            raise MalformedError("the standing of the ledger is not what weightmark wrote")
        if not isinstance(log, str):
            raise MalformedError("the standing of the ledger is not what weightmark wrote")
        return cls(Role(role), detail, log)


LIVE = Standing(Role.LIVE)
"""what a ledger is without saying so"""
