"""Conversion with a claim: the file appears only if its claim could be signed."""

from collections.abc import Sequence
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.making.placement import merge_claims
from weightmark.attestations.predicates.conversion import CONVERSION_PREDICATE, ConversionClaim
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.provenance.atomic import exclusive, replace_files
from weightmark.provenance.sidecars import SidecarPaths
from weightmark.scanners.convert import Conversion, converted
from weightmark.values import dataclass

__all__ = ["SignedConversion", "convert_and_sign"]


@dataclass(frozen=True, slots=True)
class SignedConversion:
    """A file that was written, and what was signed about it."""

    conversion: Conversion
    """what was read and written"""
    claims: tuple[Bundle, ...]
    """one of each signer"""
    written: Path
    """the file with the claims"""


def convert_and_sign(
    source: Path, target: Path, signers: Sequence[Signer], *, at: str = "", replace: bool = False
) -> SignedConversion:
    """Convert, and add each signer's statement that the weights agree to the claims beside `target`.

    Raises what `converted`, signing and reading claims raise; then neither file was written, unless
    writing the claims itself failed.
    """
    with converted(source, target, at=at, replace=replace) as done:
        claims = tuple(_signed(target.name, done, signer) for signer in signers)
        sidecars = SidecarPaths.of_file(target)
        merge_claims(sidecars, claims, signers, replace=False)
    with exclusive(sidecars.claims.parent):
        merged = merge_claims(sidecars, claims, signers, replace=False)
        replace_files({sidecars.claims: merged})
    return SignedConversion(done, claims, sidecars.claims)


def _signed(name: str, done: Conversion, signer: Signer) -> Bundle:
    payload = Statement.about_manifest(
        name,
        done.written_file.identity,
        CONVERSION_PREDICATE,
        ConversionClaim.of(done).to_predicate(),
        {"sha256": done.written_file.sha256},
    )
    claim = signer.sign_statement(payload)
    verified = signer.own_trust().verify(Bundle.parse(claim.to_bytes()))
    ConversionClaim.from_statement(verified.statement)
    return claim
