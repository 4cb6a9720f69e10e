"""What a first policy could say of a model that is at hand; everything in it is for a person to judge."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.claimed import claimed_signer
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.values import dataclass

__all__ = ["Proposal", "propose"]

_SHOWN = 5
_VERBS = {APPROVAL_PREDICATE: "approved", MANIFEST_PREDICATE: "signed"}
_MAX_CARD = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was found; verified is only what the caller's own keys signed."""

    identity: str
    """`wm1:…` of the model"""
    identities: tuple[tuple[str, str], ...]
    """subject and issuer of every certificate that signatures beside it name"""
    others: tuple[str, ...]
    """further signers that they name, in words"""
    formats: tuple[str, ...]
    """formats of its files, by content"""
    findings: int
    """findings at or over `high`"""
    licenses: tuple[str, ...]
    """licences that it says of itself"""
    place: str
    """where it is: a path or a pinned address"""
    is_address: bool
    """whether it had to be fetched"""
    yours: tuple[str, ...] = ()
    """what keys of the caller signed of this very model, in words"""

    @property
    def is_unsigned(self) -> bool:
        """Whether no signature or claim stands beside it."""
        return not (self.identities or self.others or self.yours)

    @property
    def words(self) -> tuple[str, ...]:
        """What it means to follow the proposal, one line each."""
        said = [f"found {self.identity}"]
        if self.is_address:
            said.append(f"it is {self.place}: demand this revision, for a name can move")
        where = shlex.quote(self.place) + (" --out CLAIMS" if self.is_address else "")
        if self.is_unsigned:
            said.append(
                "unsigned: if you have looked at it, vouch for it in your own name: "
                f"`weightmark attest {where} --type approval --reason REASON --expires DATE --key KEY`"
            )
        for subject, issuer in self.identities[:_SHOWN]:
            said.append(
                f"signed, unverified, by `{subject}` at `{issuer}`: trust it only if you know from elsewhere that this is the publisher"
            )
        said += [f"{one}, whom you named" for one in self.yours[:_SHOWN]]
        said += [f"signed, unverified, by {one}" for one in self.others[:_SHOWN]]
        if self.formats:
            said.append(
                f"formats: {', '.join(self.formats)}; a later release in another one is refused"
            )
        if self.licenses:
            said.append(f"it says of itself that it is under {', '.join(self.licenses)}")
        if self.findings:
            said.append(
                f"the scan finds {self.findings} of severity high or over: it will be denied"
            )
        return tuple(said)


def propose(
    path: Path, *, address: str = "", keys: Sequence[PublicKey] = (), jobs: int | None = None
) -> Proposal:
    """Look at the model at `path`: who signed it, of what it consists; raises what reading raises.

    `keys` are the caller's own: what they signed is verified. `address` is where it came from, where it was fetched to be looked at.
    """
    from weightmark.scanners.findings import Severity
    from weightmark.scanners.tree import scan_tree

    artifact = open_artifact(path)
    identities: dict[tuple[str, str], None] = {}
    others: dict[str, None] = {}
    scanned = scan_tree(path, identify=True, jobs=jobs)
    trust = Trust.in_keys(list(keys)) if keys else None
    yours: dict[str, None] = {}
    for bundle in collect_evidence(artifact).bundles:
        named = _identity(bundle)
        said = _said_by(trust, bundle, scanned.identity)
        if said:
            yours[said] = None
        elif named:
            identities[named] = None
        else:
            others[claimed_signer(bundle)[0]] = None
    report = scanned.report
    severe = [one for one in report.findings if one.severity >= Severity.HIGH]
    return Proposal(
        identity=scanned.identity,
        identities=tuple(identities),
        others=tuple(others),
        formats=tuple(sorted({one for file in report.files for one in file.formats})),
        findings=len(severe),
        licenses=_licenses(path),
        place=address or str(path),
        is_address=bool(address),
        yours=tuple(yours),
    )


def _said_by(trust: Trust | None, bundle: Bundle, identity: str) -> str:
    """Return what a key of the caller signed of an artifact, in words; empty for anything else."""
    try:
        verified = trust.verify(bundle) if trust else None
        if verified is None or verified.statement.subject.identity != identity:
            return ""
    except WeightmarkError:
        return ""
    verb = _VERBS.get(verified.statement.predicate_type, "")
    return f"{verb} by {verified.signer.name}" if verb else ""


def _identity(bundle: Bundle) -> tuple[str, str] | None:
    """Return subject and issuer that the certificate of a keyless signature names; None for other signers."""
    from weightmark.attestations.sigstore.leaf import Leaf

    chain = bundle.certificate_chain
    if chain is None:
        return None
    try:
        facts = Leaf.parse(chain.leaf).facts
    except (WeightmarkError, ValueError):
        return None
    issuer = facts.extensions.issuer or ""
    return (facts.subject, issuer) if facts.subject and issuer else None


def _licenses(path: Path) -> tuple[str, ...]:
    """Return what the card in the model says, where there is one."""
    from weightmark.provenance.datasets.card import DatasetCard
    from weightmark.provenance.sidecars import read_bounded

    card = path / "README.md"
    try:
        if not card.is_file():
            return ()
        said = DatasetCard.parse(read_bounded(card, limit=_MAX_CARD))
    except WeightmarkError:
        return ()
    return said.licenses if said else ()
