"""The page of a signer: a key, or an identity by its commitment."""

from collections.abc import Mapping

from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.searching import Searcher
from weightmark.attestations.pages.source import EntryRow, Source
from weightmark.attestations.pages.views.standing import Standing, standing_of
from weightmark.values import dataclass

__all__ = ["SignerView", "show_signer"]


@dataclass(frozen=True, slots=True)
class SignerView:
    """What the ledger holds of one signer."""

    origin: str
    """name of the log"""
    name: str
    """`key:<hex>` or `salted:<hex>`"""
    identity: str
    """whom the commitment stands for, where the server tells"""
    admitted: tuple[str, ...] | None
    """kinds of entries that it may write now; None for one that is not admitted"""
    standing: Standing
    """revocations in force about it"""
    signed: Mapping[str, int]
    """entries whose claims it signed, by kind"""
    about: Mapping[str, int]
    """entries about it, by kind"""
    behind: int
    """the newest entries that were not looked at yet"""
    entries: tuple[EntryRow, ...]
    """entries whose claims it signed, newest first"""
    older: int | None
    """`before` of the next page"""
    newer: int | None
    """`after` of the page before"""


def show_signer(source: Source, name: str, place: Place) -> SignerView:
    """Return what the ledger holds of a signer; raises `CallError` for one that it does not know."""
    policy, index = source.context.history.newest, source.index
    kinds = [one.kinds for one in policy.submitters if one.fingerprint == name]
    if index.name_id(name) is None and not kinds:
        raise source.unknown("the ledger knows no such signer")
    found = Searcher(index).search(Filter(signer=name), place)
    return SignerView(
        origin=source.ledger.origin,
        name=name,
        identity=source.identity_of(name),
        admitted=tuple(sorted(kind.value for kind in kinds[0])) if kinds else None,
        standing=standing_of(source, name),
        signed=index.tally(name, "signer"),
        about=index.tally(name, "subject"),
        behind=source.behind,
        entries=source.rows(found.places),
        older=found.older,
        newer=found.newer,
    )
