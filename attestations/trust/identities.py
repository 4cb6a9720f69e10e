"""Trust in identities: who logged in where, as a Sigstore instance proves it."""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.sigstore.identity import IdentityRule
from weightmark.attestations.sigstore.leaf import Leaf, LeafFacts
from weightmark.attestations.sigstore.many import ProvenBundles
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.verifier import SigstoreProof, verify_certificate_bundle
from weightmark.attestations.trust.interface import CertificateFacts, Proof
from weightmark.attestations.trust.roots import Root
from weightmark.attestations.trust.validity import ALWAYS, Validity
from weightmark.errors import CallError, WeightmarkError, WrongSignerError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier

__all__ = ["IdentityAnchor", "parse_rule"]


@dataclass(frozen=True)
class IdentityAnchor:
    """Identities at one provider, proven by one instance of Sigstore."""

    rule: IdentityRule
    """who is meant"""
    root: Root
    """which instance proves it"""
    logs: int | None = None
    """how many logs must hold the signature; None for what the profile of the root asks"""
    timestamps: int = 0
    """how many timestamps must be verified, at least"""
    validity: Validity = ALWAYS
    """when signatures count"""
    label: str = ""
    """its name in a trust file, for people"""
    exact: str = ""
    """the subject, when the rule names exactly one"""
    cosignatures: int = 0
    """how many witnesses must have seen each log that is asked for"""
    witnesses: "tuple[WitnessVerifier, ...]" = ()
    """the witnesses who count"""
    proven: tuple[ProvenBundles, ...] = field(default=(), repr=False, compare=False)
    """what was verified beforehand; whatever else comes is verified when it comes"""

    @property
    def name(self) -> str:
        """`sigstore:<subject>@<issuer>` of one subject, else the rule in the same form."""
        text = self.exact or self.rule.text
        return SignerIdentity(SignerKind.SIGSTORE, "", text, self.rule.issuer).name

    @property
    def expires(self) -> datetime | None:
        """The end of its own time, or of its root."""
        ends = [end for end in (self.validity.not_after, self.root.expires) if end]
        return min(ends, default=None)

    @property
    def thresholds(self) -> Thresholds:
        """How much proof it asks for."""
        asked = self.root.thresholds
        return replace(
            asked,
            log_entries=asked.log_entries if self.logs is None else self.logs,
            timestamps=max(asked.timestamps, self.timestamps),
            cosignatures=self.cosignatures,
            witnesses=self.witnesses,
        )

    def allowing_legacy(self) -> "IdentityAnchor":
        """Return itself: that encoding was never signed keyless."""
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:  # noqa: ARG002 - the certificate says who it is
        """Tell whether the certificate names one of the identities that are meant, whoever proved it and by whatever root."""
        chain = bundle.certificate_chain
        if chain is None:
            return False
        try:
            return not self.rule.mismatches(Leaf.parse(chain.leaf).facts)
        except WeightmarkError:
            return False

    def prove(self, bundle: Bundle, now: datetime) -> Proof:
        """Verify certificate, logs, clocks and signature, then compare who it is; see `Anchor`."""
        if not isinstance(bundle.material, CertificateChain):
            raise WrongSignerError("signed with a bare key, and you trust an identity")
        proof = self._proof_of(bundle, now)
        self.rule.check(proof.certificate)
        times = tuple(sorted(proof.times, key=lambda time: time.at))
        self.validity.require(self.label or proof.identity.name, times, now)
        return Proof(proof.identity, times, _facts(proof.certificate), proof.notices)

    def _proof_of(self, bundle: Bundle, now: datetime) -> SigstoreProof:
        root, thresholds = self.root.trusted, self.thresholds
        for one in self.proven:
            verdict = one.verdict(bundle, root, now=now, thresholds=thresholds)
            if isinstance(verdict, WeightmarkError):
                raise verdict
            if verdict:
                return verdict
        return verify_certificate_bundle(bundle, root, now=now, thresholds=thresholds)


def parse_rule(
    *,
    issuer: str,
    exact: str = "",
    glob: str = "",
    regex: str = "",
    extensions: Mapping[str, str] | None = None,
    what: str = "the identity",
) -> IdentityRule:
    """Make the rule for what a caller says; raises `CallError` unless subject and issuer are said once each."""
    said = [word for word in (exact, glob, regex) if word]
    if len(said) != 1:
        raise CallError(
            f"{what} names {len(said)} subjects instead of one",
            fix="give it as an exact name, a glob, or a regular expression",
        )
    make = IdentityRule.exact if exact else IdentityRule.glob if glob else IdentityRule.regex
    return make(said[0], issuer=issuer, extensions=extensions or {})


def _facts(found: LeafFacts) -> CertificateFacts:
    return CertificateFacts(
        subject="",
        issuer=found.issuer,
        names=(found.subject,),
        fingerprint=found.fingerprint,
        not_before=found.not_before,
        not_after=found.not_after,
        extensions=found.extensions.named(),
    )
