"""For how long a signer is trusted: a window, and the day from which it no longer is."""

from collections.abc import Sequence
from datetime import datetime

from weightmark.attestations.identities import VerifiedTime
from weightmark.errors import ExpiredError, OutOfTimeError, RevokedError
from weightmark.values import dataclass

__all__ = ["ALWAYS", "Validity"]


@dataclass(frozen=True, slots=True)
class Validity:
    """A closed interval in which signatures count, and a revocation that ends it early."""

    not_before: datetime | None = None
    """first moment; None for no beginning"""
    not_after: datetime | None = None
    """last moment; None for no end"""
    revoked: datetime | None = None
    """only signatures proven to be older than this count; None when not revoked"""
    reason: str = ""
    """why it was revoked, for people"""

    def require(self, who: str, times: Sequence[VerifiedTime], now: datetime) -> None:
        """Accept a signature by `who` that existed at each of `times`, or exists `now` when none was verified.

        Raises `RevokedError`, `OutOfTimeError` when it was provably made outside the window, and
        `ExpiredError` when it may have been made within it, but nothing proves that.
        """
        self.require_not_revoked(who, times, now)
        moments = [time.at for time in times] or [now]
        if self.not_before and min(moments) < self.not_before:
            raise OutOfTimeError(
                f"`{who}` signed before its time",
                why=f"its signatures count from {_shown(self.not_before)} on, and this one is of {_shown(min(moments))}",
                fix="check with the publisher what happened, and `not_before` in the trust file",
            )
        if self.not_after is None or min(moments) <= self.not_after:
            return
        if times:
            raise OutOfTimeError(
                f"`{who}` signed after its time",
                why=f"its signatures count until {_shown(self.not_after)}, and this one is of {_shown(min(moments))}",
                fix="ask the publisher for the present key",
            )
        raise ExpiredError(
            f"`{who}` is past its time, and nothing proves when it signed",
            why=f"its signatures count until {_shown(self.not_after)}",
            fix="ask the publisher for a signature with a timestamp, or for the present key",
        )

    def require_not_revoked(self, who: str, times: Sequence[VerifiedTime], now: datetime) -> None:
        """Raise `RevokedError` unless a signature by `who` was proven to be older than the revocation."""
        moments = [time.at for time in times] or [now]
        if self.revoked and min(moments) >= self.revoked:
            raise self._revoked(who, proven=bool(times))

    def _revoked(self, who: str, *, proven: bool) -> RevokedError:
        since = _shown(self.revoked) if self.revoked else ""
        because = f" ({self.reason})" if self.reason else ""
        told = "it was signed after that" if proven else "nothing proves that it was signed before"
        return RevokedError(
            f"`{who}` is revoked since {since}{because}",
            why=told,
            fix="ask the publisher to sign again with the present key",
        )


ALWAYS = Validity()
"""no window and no revocation"""


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
