"""What a reader is told whose key of a log is not the one that signs it: a rotation, or another log."""

from weightmark.errors import LedgerInconsistentError, WrongSignerError

__all__ = ["known_by_another", "signed_by_another"]

_ASK = (
    "ask its operator, by another way, whether the key was rotated, and for the present `log.vkey`"
)
_KEEP = "what you remember of the ledger stays good, so keep it"


def signed_by_another(place: str, error: WrongSignerError) -> WrongSignerError:
    """Say that somebody else's log at `place` is signed by another key than the reader named."""
    return WrongSignerError(
        f"the ledger at `{place}` is signed by another key than you named",
        why=f"{error.what}; a ledger gets a new key by `weightmark ledger rotate`, and the old one ends with `--finish`",
        fix=f"{_ASK}; {_KEEP}",
    )


def known_by_another(origin: str, known: str) -> LedgerInconsistentError:
    """Say that the reader saw the log `origin` under the key `known`, which handed over to none that is named."""
    return LedgerInconsistentError(
        f"you know the log `{origin}` under another key than you named",
        why=f"it was seen with `{known}`, and no entry hands over from that key to the named one",
        fix=f"name the key that you know, or {_ASK}; {_KEEP}",
    )
