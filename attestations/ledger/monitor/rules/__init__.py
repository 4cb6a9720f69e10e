"""Every rule of the monitor."""

from weightmark.attestations.ledger.monitor.interface import Rule
from weightmark.attestations.ledger.monitor.rules.burst import Burst
from weightmark.attestations.ledger.monitor.rules.erased_unseen import ErasedUnseen
from weightmark.attestations.ledger.monitor.rules.licence_changed import LicenceChanged
from weightmark.attestations.ledger.monitor.rules.missing_kinds import MissingKinds
from weightmark.attestations.ledger.monitor.rules.new_signer import NewSigner
from weightmark.attestations.ledger.monitor.rules.size_doubled import SizeDoubled
from weightmark.attestations.ledger.monitor.rules.unlisted import Unlisted
from weightmark.attestations.ledger.monitor.rules.watched import Watched
from weightmark.attestations.ledger.monitor.rules.weaker_format import WeakerFormat

__all__ = ["CLAIM_RULES", "RULES"]

CLAIM_RULES: tuple[Rule, ...] = (
    NewSigner(),
    WeakerFormat(),
    LicenceChanged(),
    SizeDoubled(),
    ErasedUnseen(),
    Unlisted(),
)
"""those that look at what claims say; the others need the entries alone"""
RULES: tuple[Rule, ...] = (Watched(), *CLAIM_RULES, MissingKinds(), Burst())
"""in the order in which they look"""
