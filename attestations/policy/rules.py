"""Rules of a policy: what holds of scan, names, ledger, making, licences and earlier decisions."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from weightmark.attestations.chain.rule import ChainRule
from weightmark.attestations.policy.choices import Clashes, DecisionClock, RemoteCode, Unsupported
from weightmark.scanners.findings import Severity
from weightmark.scanners.limits import Limits
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = [
    "GATE_VERIFIER",
    "Builder",
    "Exemption",
    "LedgerRule",
    "LicenseRule",
    "LineageRule",
    "NamesRule",
    "ProvenanceRule",
    "ScanRule",
    "VsaRule",
]

GATE_VERIFIER = "https://weightmark/gate/v1"
"""URI by which this gate signs that it decided; whose gate it is the signature says"""


@dataclass(frozen=True, slots=True)
class ScanRule:
    """What the scan of this very read must say."""

    required: bool = True
    """whether its result decides; without, it is only shown"""
    engines: tuple[str, ...] = ("weightmark",)
    """which scanners have to look"""
    fail_on: Severity = Severity.HIGH
    """a finding at or over this severity denies"""
    unsupported: Unsupported = Unsupported.LIST
    """what to do with files that can't be scanned"""
    deny_formats: tuple[str, ...] = ()
    """formats of which no file may be, by content"""
    allow_formats: tuple[str, ...] = ()
    """formats of which every file must be, by content; empty for any"""
    remote_code: RemoteCode = RemoteCode.JUDGE
    """what to do with code that a loader can be told to run"""
    limits: Limits = field(default_factory=Limits.default)
    """what the scan of one file may cost; a limit that is hit means `could not be checked`"""


@dataclass(frozen=True, slots=True)
class NamesRule:
    """Which file names are accepted."""

    clashes: Clashes = Clashes.REFUSE
    """what to do with names that are something else on other systems"""


@dataclass(frozen=True, slots=True)
class LedgerRule:
    """What the ledger must say."""

    required: bool = False
    """whether a ledger must be consulted and hold a release entry of this artifact"""
    max_age: timedelta | None = None
    """how long ago witnesses may have seen it last; None for any time"""
    witnesses: int = 0
    """how many witnesses must have cosigned the checkpoint of a ledger that is consulted"""
    witness_policy: "TlogPolicy | None" = None
    """which witnesses count; None for nobody"""


@dataclass(frozen=True, slots=True)
class Builder:
    """A builder that is believed."""

    id: str
    """its URI, with `*` and `**`"""
    role: str = ""
    """who may speak for it; empty for the role of `[require.provenance]`"""
    level: int = 0
    """the SLSA build level that it is trusted with, 0 to 4"""


@dataclass(frozen=True, slots=True)
class ProvenanceRule:
    """How the artifact may have been made."""

    builders: tuple[Builder, ...] = ()
    """who may have made it; empty for anybody whom the role speaks for"""
    min_level: int = 0
    """the SLSA build level that its builder must be trusted with"""
    build_types: tuple[str, ...] = ()
    """URIs of kinds of steps, with `*` and `**`; empty for any"""
    sources: tuple[str, ...] = ()
    """URIs of source code, with `*` and `**`, one of which must have gone in; empty for any"""
    parameters: Mapping[str, tuple[str, ...]] | None = None
    """external parameters and what each may be, with `*` and `**`; others are refused; None for any"""


@dataclass(frozen=True, slots=True)
class LineageRule:
    """What the provenance chain must be, and who may state what in it."""

    rule: ChainRule
    """its shape and its ends"""
    role: str
    """who may state a step that is not named"""
    vouchers: str
    """who may sign or approve an artifact at which the chain ends"""
    steps: Mapping[str, str]
    """kind of step to the role that alone may state it"""
    max_age: timedelta | None = None
    """how old a step may be, by a verified clock; None for any age"""


@dataclass(frozen=True, slots=True)
class LicenseRule:
    """Under which licences the artifact and everything that it was made from may stand."""

    allow: tuple[str, ...] = ()
    """SPDX identifiers; empty for all that are not denied"""
    deny: tuple[str, ...] = ()
    """SPDX identifiers that refuse, whatever else is allowed"""
    role: str = ""
    """who may state a licence; empty for the role of `[require.release]`"""


@dataclass(frozen=True, slots=True)
class VsaRule:
    """Whose earlier decision answers, and for how long."""

    role: str
    """who may have decided; never who releases"""
    max_age: timedelta
    """how long a decision answers"""
    verifiers: tuple[str, ...] = (GATE_VERIFIER,)
    """URIs of verifiers, one of which the decision must name"""
    clock: DecisionClock = DecisionClock.VERIFIED
    """what proves when it was made"""


@dataclass(frozen=True, slots=True)
class Exemption:
    """A failing check that somebody accepts, for one artifact and for a time."""

    rule: str
    """name of a check, or id of a scan rule"""
    artifact: str
    """`wm1:…` that it holds for; no other"""
    reason: str
    """for people; shown in the decision"""
    approver: str
    """who accepts it; shown in the decision"""
    expires: datetime
    """from then on it is void; aware"""

    def has_expired(self, now: datetime) -> bool:
        """Tell whether it is void at `now`."""
        return now >= self.expires
