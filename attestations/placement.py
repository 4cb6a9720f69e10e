"""Placement: where new signatures and claims go, so that nobody's older ones are lost or broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.claims import ClaimLine, parse_claims, render_claims
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError, SidecarRefusedError, UnsupportedError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.sidecars import CLAIMS, RECEIPT, SidecarPaths, read_sidecar

__all__ = ["Placement", "merge_claims", "place"]

_SUPERSEDED = frozenset([MANIFEST_PREDICATE, SCAN_PREDICATE])
"""kinds of which a signer has one at a time: what the artifact holds now"""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where to write, and what to tell the caller."""

    sidecars: SidecarPaths
    """the files beside the artifact, or in the folder that the caller named"""
    keeps_foreign_signature: bool
    """whether a model signature by somebody else stays in its place"""
    notices: tuple[str, ...]
    """what the caller should know"""


def place(artifact: Artifact, signer: PublicKey, *, out: Path | None, replace: bool) -> Placement:
    """Decide where to write; raises `SidecarRefusedError` when a reserved name holds something else."""
    sidecars = artifact.sidecars.moved_to(out) if out else artifact.sidecars
    if replace:
        return Placement(sidecars, keeps_foreign_signature=False, notices=())
    foreign = _foreign_signature(sidecars.signature, signer)
    if foreign is None:
        return Placement(sidecars, keeps_foreign_signature=False, notices=())
    notices = [
        f"kept `{sidecars.signature.name}` by another signer; `--replace` would overwrite it"
    ]
    if not artifact.single and out is None and not _records_our_names(foreign):
        sibling = artifact.path.with_name(artifact.path.name + ".claims")
        sidecars = SidecarPaths(sidecars.signature, sibling, sidecars.receipt)
        notices.append(
            f"claims go to `{sibling}`: the other signature does not expect `{CLAIMS}` inside"
        )
    return Placement(sidecars, keeps_foreign_signature=True, notices=tuple(notices))


def merge_claims(path: Path, new: Sequence[Bundle], signer: PublicKey, *, replace: bool) -> bytes:
    """Return the claims file with `new` appended.

    Claims of others stay; the signer's own earlier manifest and scan claims are superseded when
    `new` holds such claims. Raises `SidecarRefusedError` for a file with lines that are no bundles.
    """
    lines = () if replace else _existing_lines(path)
    kinds = {_kind(bundle) for bundle in new} & _SUPERSEDED
    kept = [line.raw for line in lines if not _is_superseded(line, signer, kinds)]
    added = [bundle.to_bytes() for bundle in new]
    return render_claims([*kept, *(raw for raw in added if raw not in kept)])


def _existing_lines(path: Path) -> tuple[ClaimLine, ...]:
    data = read_sidecar(path)
    lines = parse_claims(data) if data is not None else ()
    for line in lines:
        if line.error and not isinstance(line.error, UnsupportedError):
            raise SidecarRefusedError(
                f"reserved name `{path.name}` holds something else: {line.error.what}",
                why="claims are only added to a sound claims file",
                fix=f"remove line {line.number} of `{path}`, or start anew with `--replace`",
            )
    return lines


def _is_superseded(line: ClaimLine, signer: PublicKey, kinds: set[str]) -> bool:
    if line.bundle is None or _kind(line.bundle) not in kinds:
        return False
    envelope = line.bundle.envelope
    return signer.verifies(envelope.signature, envelope.pae)


def _kind(bundle: Bundle) -> str:
    try:
        return Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload).predicate_type
    except WeightmarkError:
        return ""


def _foreign_signature(path: Path, signer: PublicKey) -> Bundle | UnsupportedError | None:
    """Return what stands at `path` unless `signer` made it."""
    data = read_sidecar(path)
    if data is None:
        return None
    try:
        bundle = Bundle.parse(data, what=f"`{path.name}`")
    except UnsupportedError as error:
        return error
    except MalformedError as error:
        raise SidecarRefusedError(
            f"reserved name `{path.name}` holds something else: {error.what}",
            why="a signature is written only where nothing or a signature stands",
            fix=f"move `{path}` away, or overwrite it with `--replace`",
        ) from error
    return None if signer.verifies(bundle.envelope.signature, bundle.envelope.pae) else bundle


def _records_our_names(foreign: Bundle | UnsupportedError) -> bool:
    """Read the recorded ignores without believing them: they only decide where a file is put."""
    if isinstance(foreign, UnsupportedError):
        return False
    try:
        statement = Statement.parse(foreign.envelope.payload_type, foreign.envelope.payload)
        return {CLAIMS, RECEIPT} <= set(OmsClaim.from_statement(statement).ignore_paths)
    except WeightmarkError:
        return False
