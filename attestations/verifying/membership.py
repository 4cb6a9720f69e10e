"""Membership, believed: a proof whose tree is bound to the identity, by its manifest or by a trusted signer."""

import json
from collections.abc import Iterable
from dataclasses import field, replace

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.tree import TREE_PREDICATE, TreeClaim
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    ProofMissingError,
    ProofRefusedError,
    TrustNotSaidError,
    WeightmarkError,
)
from weightmark.provenance.membership.proof import MembershipProof
from weightmark.provenance.names import escape_path
from weightmark.values import dataclass

__all__ = ["VerifiedMembership", "sign_tree", "verify_membership", "with_signed_tree"]

_SEAL = object()
_ANEW = "ask whoever has the artifact for `weightmark digest --prove MEMBER --key KEY`"


@dataclass(frozen=True)
class VerifiedMembership:
    """What a proof shows; only `verify_membership` can make one."""

    proof: MembershipProof
    """the proof"""
    present: bool
    """whether the member is in the artifact, or is not"""
    signer: str
    """who states the root of the tree; empty when the manifest itself shows it"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a VerifiedMembership is made by verifying only")

    @property
    def row(self) -> str:
        """What the artifact holds of the member; empty when it is not in it."""
        return self.proof.leaves[0].row.decode().rstrip("\n") if self.present else ""


def sign_tree(proof: MembershipProof, name: str, signer: Signer) -> MembershipProof:
    """Return the proof with a claim by `signer` that its tree is that of the artifact called `name`."""
    payload = Statement.about_manifest(
        name, proof.identity, TREE_PREDICATE, _claim_of(proof).to_predicate(), {}
    )
    bundle = signer.sign_statement(payload)
    signer.own_trust().verify(Bundle.parse(bundle.to_bytes()))
    return replace(proof, claim=json.loads(bundle.to_bytes()))


def with_signed_tree(proof: MembershipProof, claims: Iterable[Bundle]) -> MembershipProof:
    """Return the proof with the first of `claims` that states its very tree; nothing about it is verified here."""
    for bundle in claims:
        try:
            statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
            if statement.predicate_type == TREE_PREDICATE and _states(statement, proof):
                return replace(proof, claim=json.loads(bundle.to_bytes()))
        except WeightmarkError:
            continue
    return proof


def _states(statement: Statement, proof: MembershipProof) -> bool:
    same = [subject.identity for subject in statement.subjects] == [proof.identity]
    return same and TreeClaim.from_statement(statement) == _claim_of(proof)


def verify_membership(
    proof: MembershipProof, identity: str, trust: Trust | None
) -> VerifiedMembership:
    """Verify that `proof` shows whether its member is in the artifact with this `identity`.

    Raises `ProofRefusedError` for a proof that shows nothing or is about another artifact,
    `TrustNotSaidError` when only a signer vouches for the tree and nobody is trusted,
    `ProofMissingError` when nobody does, and what `Trust.verify` raises.
    """
    if proof.identity != identity:
        raise ProofRefusedError(
            "the proof is about another artifact",
            why=f"it names `{proof.identity}`",
            fix="compare the identity with the one that you know, or ask for a proof about that one",
        )
    present = proof.check_rows()
    by_manifest = proof.is_bound_by_manifest()
    signer = _stated_by(proof, trust) if trust and proof.claim is not None else ""
    if not by_manifest and not signer:
        raise _unbound(proof)
    return VerifiedMembership(proof, present, signer, _SEAL)


def _stated_by(proof: MembershipProof, trust: Trust) -> str:
    """Return who signed that the tree is the identity's."""
    verified = trust.verify(Bundle.parse(json.dumps(proof.claim).encode(), what="the claim"))
    statement = verified.statement
    if statement.predicate_type != TREE_PREDICATE:
        raise ProofRefusedError("the claim in the proof states no tree", fix=_ANEW)
    if not _states(statement, proof):
        raise ProofRefusedError("the claim in the proof is about another tree", fix=_ANEW)
    return verified.signer.name


def _claim_of(proof: MembershipProof) -> TreeClaim:
    kind = proof.kind.value if proof.kind else "file"
    file = escape_path(proof.file) if proof.kind else ""
    return TreeClaim(kind, file, proof.head.size, proof.head.root.hex())


def _unbound(proof: MembershipProof) -> TrustNotSaidError | ProofMissingError:
    if proof.claim is not None:
        return TrustNotSaidError(
            "whom to trust was not said",
            why="a signer states that the tree of the proof is that of the artifact",
            fix="name the signer's public key with `--key FILE`",
        )
    return ProofMissingError(
        "nobody states that the tree of the proof is that of the artifact",
        why="an identity covers a manifest, and the proof carries neither that nor a signed claim",
        fix=_ANEW,
    )
