"""A policy as a value: every demand that the gate can make, and what holds when nothing is said.

What is not said is the strict answer, except for what only adds demands.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.choices import Digests, Mode, OutsideRule
from weightmark.attestations.policy.conditions import Condition
from weightmark.attestations.policy.requirements import ReleaseRequirement, Requirements
from weightmark.attestations.policy.roles import Role
from weightmark.attestations.policy.rules import (
    Exemption,
    LedgerRule,
    LicenseRule,
    LineageRule,
    NamesRule,
    ProvenanceRule,
    ScanRule,
    VsaRule,
)
from weightmark.attestations.predicates.classification import LEVELS
from weightmark.attestations.trust import Trust
from weightmark.errors import PolicyError
from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["PRESET_URI", "RELEASE", "Policy"]

PRESET_URI = "weightmark:preset/"
"""how the URIs of presets begin"""
RELEASE = "release"
"""the role of a preset that the caller fills"""
_NO_ROLES: Mapping[str, Role] = MappingProxyType({})


@dataclass(frozen=True)
class Policy:
    """All demands, and where they come from."""

    name: str
    """for people; recorded in decisions"""
    source: str
    """`preset NAME` or the path of the file"""
    uri: str
    """how decisions name it to others, with the environment behind `#`: without any path of this machine"""
    sha256: str
    """of the policy's text, lowercase hex"""
    text: str = field(default="", repr=False)
    """the text itself, every environment in it"""
    files: Mapping[str, str] = field(default_factory=dict)
    """keys, trust files, certificates and witness policies that it names, and what those name, with the SHA-256 of
    each; of a key file that of the key (DER SubjectPublicKeyInfo)"""
    environment: str = ""
    """which of its environments is meant; empty for none"""
    environments: tuple[str, ...] = ()
    """those that it has, in the order of the file"""
    revision: int = 0
    """which version of this policy it is; 0 when it does not say"""
    expires: datetime | None = None
    """from then on it decides nothing; aware"""
    mode: Mode = Mode.ENFORCE
    """what a refusal does"""
    digests: Digests = Digests.ANY
    """by which digests content is compared"""
    outside: OutsideRule = OutsideRule.REFUSE
    """what to do with what lies outside of the artifact or of its signature"""
    trust_receipts: bool = False
    """whether large files that receipts show as unchanged need not be read again"""
    max_classification: str = ""
    """the strictest level that the artifact and all that it was made from may have; empty for any"""
    unclassified: str = LEVELS[-1]
    """the level that an artifact has which nobody classified"""
    roles: Mapping[str, Role] = field(default_factory=lambda: _NO_ROLES)
    """who counts for what, by name"""
    require: Requirements = field(default_factory=Requirements)
    """what has to be stated, by whom"""
    scan: ScanRule = field(default_factory=ScanRule)
    """what the scan must say"""
    names: NamesRule = field(default_factory=NamesRule)
    """which names are accepted"""
    ledger: LedgerRule = field(default_factory=LedgerRule)
    """what the ledger must say"""
    provenance: ProvenanceRule = field(default_factory=ProvenanceRule)
    """how the artifact may have been made"""
    lineage: LineageRule | None = None
    """what its chain must be; None when nothing is demanded of what the artifact was made from"""
    licenses: LicenseRule | None = None
    """under which licences it may stand; None for any"""
    vsa: VsaRule | None = None
    """whose earlier decision answers; None for nobody's"""
    exemptions: tuple[Exemption, ...] = ()
    """failures that somebody accepts for a time"""
    conditions: tuple[Condition, ...] = ()
    """further conditions over the input document"""

    @property
    def is_preset(self) -> bool:
        """Whether it came with weightmark, so that the caller says whom to trust."""
        return self.uri.startswith(PRESET_URI)

    @property
    def release(self) -> Role:
        """Who has to sign; a role without members when signatures are not judged."""
        rule = self.require.release
        return self.role(rule.role) if rule else Role(RELEASE)

    @property
    def trust(self) -> Trust | None:
        """Whose signatures over the files count; None when they are not judged or nobody was named yet."""
        return self.release.trust

    @property
    def needs_chain(self) -> bool:
        """Whether anything is demanded of what the artifact was made from."""
        along = (self.lineage, self.licenses, self.require.dataset, self.require.classification)
        return any(along) or bool(self.max_classification) or self._asks_for("chain.")

    @property
    def needs_more_claims(self) -> bool:
        """Whether it asks for claims beside the signature over the files."""
        return self.needs_chain or self.vsa is not None or bool({*self.require.stated} - {RELEASE})

    def role(self, name: str) -> Role:
        """Return a role by its name; one without members when the policy does not have it."""
        return self.roles.get(name) or Role(name)

    def with_keys(self, keys: "tuple[PublicKey, ...] | list[PublicKey]") -> Self:
        """Fill the role `release` of a preset; raises `PolicyError` for a policy file that names its own."""
        return self._filled("`--key`", keys=tuple(keys)) if keys else self

    def with_trust(self, trust: Trust | None) -> Self:
        """Fill the role `release` of a preset; raises `PolicyError` for a policy file that names its own."""
        return self._filled("whom to trust", anchors=trust.anchors) if trust else self

    def require_alone(self, *, said: bool) -> None:
        """Refuse trust that is said beside a policy file; raises `PolicyError` when any is `said`.

        A clock or an instance alone would otherwise be dropped without a word.
        """
        if said and not self.is_preset:
            raise PolicyError(
                f"whom or whose clock to trust is said beside the policy file `{self.source}`",
                why="a policy file says itself whom it trusts, and its digest stands in the decision",
                fix="leave it out of the call, or set it under `[roles.release]` of the policy",
            )

    def with_fail_on(self, severity: Severity | None) -> Self:
        """Set the severity from which a finding denies; raises `PolicyError` for a policy file."""
        if severity is None:
            return self
        self._require_preset("`--fail-on`", "[scan] fail_on")
        return replace(self, scan=replace(self.scan, fail_on=severity))

    def with_witnesses(self, rules: "TlogPolicy") -> Self:
        """Say which witnesses of a ledger count; raises `PolicyError` for a policy file that names its own."""
        self._require_preset("`--witness-policy`", "[ledger] witness_policy")
        return replace(self, ledger=replace(self.ledger, witness_policy=rules))

    def with_mode(self, mode: Mode | None) -> Self:
        """Set what a refusal does."""
        return self if mode is None else replace(self, mode=mode)

    def _filled(self, said: str, **members: Any) -> Self:
        self._require_preset(said, "[roles.release]")
        rule = self.require.release or ReleaseRequirement(RELEASE)
        role = replace(self.role(rule.role), **members)
        return replace(self, roles={**self.roles, rule.role: role})

    def _require_preset(self, said: str, setting: str) -> None:
        if not self.is_preset:
            raise PolicyError(
                f"{said} is said beside the policy file `{self.source}`",
                why=f"a policy file says itself what `{setting}` is, and its digest stands in the decision",
                fix=f"leave it out of the call, or set `{setting}` in the policy",
            )

    def _asks_for(self, prefix: str) -> bool:
        return any(one.field.startswith(prefix) for one in self.conditions)
