"""Every rule of the monitor."""

from weightmark.attestations.ledger.monitor.interface import Rule
from weightmark.attestations.ledger.monitor.rules.burst import Burst
from weightmark.attestations.ledger.monitor.rules.licence_changed import LicenceChanged
from weightmark.attestations.ledger.monitor.rules.missing_kinds import MissingKinds
from weightmark.attestations.ledger.monitor.rules.new_signer import NewSigner
from weightmark.attestations.ledger.monitor.rules.size_doubled import SizeDoubled
from weightmark.attestations.ledger.monitor.rules.watched import Watched
from weightmark.attestations.ledger.monitor.rules.weaker_format import WeakerFormat

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    Watched(),
    NewSigner(),
    WeakerFormat(),
    LicenceChanged(),
    SizeDoubled(),
    MissingKinds(),
    Burst(),
)
"""in the order in which they look"""
