"""A policy as a value: every demand that the gate can make, and what holds when nothing is said.

What is not said is the strict answer, except for `approvals` and what only adds demands.
"""

from collections.abc import Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import Self

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.clocks import NO_CLOCKS, Clocks
from weightmark.attestations.trust.interface import Anchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.errors import PolicyError
from weightmark.scanners.findings import Severity
from weightmark.scanners.limits import Limits
from weightmark.values import dataclass

__all__ = [
    "PRESET_URI",
    "Clashes",
    "Digests",
    "LedgerRule",
    "Mode",
    "NamesRule",
    "OutsideRule",
    "Policy",
    "ReleaseRule",
    "ScanRule",
    "Unsupported",
]

PRESET_URI = "weightmark:preset/"
"""how the URIs of presets begin"""


class Mode(StrEnum):
    """What a refusal does."""

    ENFORCE = "enforce"
    """it ends with exit code 1"""
    WARN = "warn"
    """it is said, as `would deny`, and the exit code is 0"""


class Digests(StrEnum):
    """By which digests content is compared with what was signed."""

    ANY = "any"
    """by the fastest that a trusted claim allows"""
    SHA256 = "sha256"
    """by SHA-256"""
    BOTH = "both"
    """by BLAKE3 and SHA-256"""


class OutsideRule(StrEnum):
    """What to do with `.git`, `.cache/huggingface` and root git files that no claim holds."""

    REFUSE = "refuse"
    """deny"""
    REPORT = "report"
    """list them"""


class Clashes(StrEnum):
    """What to do with names that are something else on other systems."""

    REFUSE = "refuse"
    """deny"""
    ALLOW = "allow"
    """list them"""


class Unsupported(StrEnum):
    """What to do with files in which the scanners know nothing to check."""

    REFUSE = "refuse"
    """each file must be scanned"""
    LIST = "list"
    """at least one file must be scanned, the others are listed"""
    ALLOW = "allow"
    """an artifact in which nothing can be scanned counts as scanned"""


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """Who must vouch for the artifact."""

    required: bool = True
    """whether anybody must; without, signatures are not judged at all"""
    keys: tuple[PublicKey, ...] = ()
    """any one of them suffices"""
    approvals: bool = False
    """whether an approval of the identity by one of the keys stands in for a signature over the files"""
    anchors: tuple[Anchor, ...] = ()
    """any one of them suffices as well: whom the trust files of the policy, or the caller of the gate, name"""
    clocks: Clocks = NO_CLOCKS
    """who may prove when one of the keys signed: whom the trust file of the policy names"""

    @property
    def all_anchors(self) -> tuple[Anchor, ...]:
        """Everybody; of a key that the trust file holds as well, the window and revocation there count."""
        listed = {one.name for one in self.anchors if isinstance(one, KeyAnchor)}
        keys = {key.identity: KeyAnchor(key, clocks=self.clocks) for key in self.keys}
        return (*(one for name, one in keys.items() if name not in listed), *self.anchors)

    @property
    def trusted(self) -> tuple[str, ...]:
        """The names of all who were not revoked, each once."""
        revoked = set(self.revoked)
        names = dict.fromkeys(one.name for one in self.all_anchors)
        return tuple(name for name in names if name not in revoked)

    @property
    def revoked(self) -> tuple[str, ...]:
        """The names of those who count only where they provably signed before they were revoked, each once."""
        return tuple(
            dict.fromkeys(one.name for one in self.all_anchors if one.validity.revoked is not None)
        )


@dataclass(frozen=True, slots=True)
class ScanRule:
    """What the scan must say."""

    required: bool = True
    """whether its result decides; without, it is only shown"""
    fail_on: Severity = Severity.HIGH
    """a finding at or over this severity denies"""
    unsupported: Unsupported = Unsupported.LIST
    """what to do with files that can't be scanned"""
    claim_required: bool = False
    """whether the signer must have scanned as well, and said so in a claim"""
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
    witnesses: int = 0
    """how many witnesses must have cosigned the checkpoint of a ledger that is consulted"""


@dataclass(frozen=True)
class Policy:
    """All demands, and where they come from."""

    name: str
    """for people; recorded in decisions"""
    source: str
    """`preset NAME` or the path of the file"""
    uri: str
    """how decisions name it to others: without any path of this machine"""
    sha256: str
    """of the policy's text, lowercase hex"""
    mode: Mode = Mode.ENFORCE
    """what a refusal does"""
    digests: Digests = Digests.ANY
    """by which digests content is compared"""
    outside: OutsideRule = OutsideRule.REFUSE
    """what to do with what lies outside of the artifact or of its signature"""
    trust_receipts: bool = False
    """whether large files that receipts show as unchanged need not be read again"""
    release: ReleaseRule = field(default_factory=ReleaseRule)
    """who must vouch"""
    scan: ScanRule = field(default_factory=ScanRule)
    """what the scan must say"""
    names: NamesRule = field(default_factory=NamesRule)
    """which names are accepted"""
    ledger: LedgerRule = field(default_factory=LedgerRule)
    """what the ledger must say"""

    @property
    def is_preset(self) -> bool:
        """Whether it came with weightmark, so that the caller says whom to trust."""
        return self.uri.startswith(PRESET_URI)

    @property
    def trust(self) -> Trust | None:
        """Whose signatures count; None when signatures are not judged or nobody was named yet."""
        anchors = self.release.all_anchors
        return Trust(anchors) if self.release.required and anchors else None

    def with_keys(self, keys: Iterable[PublicKey]) -> Self:
        """Fill the role `release` of a preset; raises `PolicyError` for a policy file that names its own."""
        added = tuple(keys)
        if not added:
            return self
        self._require_preset("`--key`", "[release] keys")
        return replace(self, release=replace(self.release, keys=added))

    def require_alone(self, *, said: bool) -> None:
        """Refuse trust that is said beside a policy file; raises `PolicyError` when any is `said`.

        A clock or an instance alone would otherwise be dropped without a word.
        """
        if said and not self.is_preset:
            raise PolicyError(
                f"whom or whose clock to trust is said beside the policy file `{self.source}`",
                why="a policy file says itself whom it trusts, and its digest stands in the decision",
                fix="leave it out of the call, or set `[release] keys` or `[release] trust` in the policy",
            )

    def with_trust(self, trust: Trust | None) -> Self:
        """Fill the role `release` of a preset; raises `PolicyError` for a policy file that names its own."""
        if trust is None:
            return self
        self._require_preset("whom to trust", "[release] keys` or `[release] trust")
        return replace(self, release=replace(self.release, anchors=trust.anchors))

    def with_fail_on(self, severity: Severity | None) -> Self:
        """Set the severity from which a finding denies; raises `PolicyError` for a policy file."""
        if severity is None:
            return self
        self._require_preset("`--fail-on`", "[scan] fail_on")
        return replace(self, scan=replace(self.scan, fail_on=severity))

    def with_mode(self, mode: Mode | None) -> Self:
        """Set what a refusal does."""
        return self if mode is None else replace(self, mode=mode)

    def _require_preset(self, said: str, setting: str) -> None:
        if not self.is_preset:
            raise PolicyError(
                f"{said} is said beside the policy file `{self.source}`",
                why=f"a policy file says itself what `{setting}` is, and its digest stands in the decision",
                fix=f"leave it out of the call, or set `{setting}` in the policy",
            )
