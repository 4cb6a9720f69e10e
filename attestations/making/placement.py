"""Placement: where new signatures and claims go, so that nobody's older ones are lost or broken."""

from collections.abc import Sequence
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.claims import ClaimLine, parse_claims, render_claims
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.file_list import FileList, is_file_list
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.tensors import TENSORS_PREDICATE
from weightmark.attestations.predicates.tree import TREE_PREDICATE
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    SidecarRefusedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.sidecars import CLAIMS, RECEIPT, SidecarPaths, read_sidecar
from weightmark.values import dataclass

__all__ = ["Placement", "merge_claims", "place"]

_SUPERSEDED = frozenset([MANIFEST_PREDICATE, SCAN_PREDICATE, TENSORS_PREDICATE, TREE_PREDICATE])
"""kinds of which a signer has one at a time: what the artifact holds now"""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where to write, and what to tell the caller."""

    sidecars: SidecarPaths
    """the files beside the artifact, or in the folder that the caller named"""
    kept: Bundle | UnsupportedError | None
    """the model signature that stands there and stays, or why it can't be read; None when none stays"""
    notices: tuple[str, ...]
    """what the caller should know"""

    @property
    def keeps_signature(self) -> bool:
        """Whether a model signature that stands there stays in its place."""
        return self.kept is not None


def place(
    artifact: Artifact,
    signer: Signer,
    *,
    out: Path | None,
    replace: bool,
    keep_own: bool = False,
) -> Placement:
    """Decide where to write.

    `keep_own` says that no new model signature will be written. Raises `SidecarRefusedError` when
    a reserved name holds something else, `CallError` when `out` lies inside the tree.
    """
    if out is not None:
        _refuse_inside(artifact, out)
        out = None if out.resolve() == artifact.path else out
    sidecars = artifact.sidecars.moved_to(out) if out else artifact.sidecars
    if replace:
        return Placement(sidecars, kept=None, notices=())
    kept, foreign = _existing_signature(sidecars, signer)
    if kept is None or not (foreign or keep_own):
        return Placement(sidecars, kept=None, notices=())
    notices = []
    if foreign and not keep_own:
        notices.append(
            f"kept `{sidecars.signature.name}` by another signer; `--replace` would overwrite it"
        )
    sibling = artifact.sibling_claims
    if sibling and out is None and not _records_our_names(kept):
        sidecars = SidecarPaths(sidecars.signature, sibling, sidecars.receipt, sidecars.storage)
        notices.append(
            f"claims go to `{sibling}`: `{sidecars.signature.name}` does not expect `{CLAIMS}` inside"
        )
    return Placement(sidecars, kept=kept, notices=tuple(notices))


def _refuse_inside(artifact: Artifact, out: Path) -> None:
    """Refuse a folder below the root: what is written there would be content that nobody signed."""
    real = out.resolve()
    if not artifact.single and artifact.path in real.parents:
        raise CallError(
            f"`{out}` lies inside the artifact",
            why="files in there are content, and new ones would break the signature",
            fix="name a folder outside, or none to write beside the artifact",
        )


def merge_claims(
    sidecars: SidecarPaths,
    new: Sequence[Bundle],
    signers: Sequence[Signer],
    *,
    replace: bool,
    files: bytes | None = None,
) -> bytes:
    """Return the claims file with `new` appended.

    Claims of others stay; the signers' own earlier manifest and scan claims are superseded when
    `new` holds such claims. `files` is the line of the list that the new manifest claims name, if
    they do; lists that no claim names any more are left out. With `replace`, whatever is no bundle
    is left out; else it raises `SidecarRefusedError`.
    """
    lines = _sound_lines(sidecars) if replace else _existing_lines(sidecars)
    kinds = {_kind(bundle) for bundle in new} & _SUPERSEDED
    staying = [line for line in lines if not _is_superseded(line, signers, kinds)]
    named = {_list_named(line.bundle) for line in staying if line.bundle} - {""}
    kept = [line.raw for line in staying if not is_file_list(line.raw) or _is_named(line, named)]
    added = [*(bundle.to_bytes() for bundle in new), *([files] if files else [])]
    return render_claims([*kept, *(raw for raw in added if raw not in kept)])


def _is_named(line: ClaimLine, named: set[str]) -> bool:
    """Tell whether a claim names the list of files on this line; it is read only where claims name any."""
    try:
        return bool(named) and (line.files or FileList.from_line(line.raw)).digest in named
    except WeightmarkError:
        return False


def _list_named(bundle: Bundle) -> str:
    """Return the digest of the list of files that a manifest claim names; empty for none."""
    try:
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
        if statement.predicate_type != MANIFEST_PREDICATE:
            return ""
        compact = CompactManifest.from_statement(statement)
    except WeightmarkError:
        return ""
    return compact.list_digest if compact else ""


def _existing_lines(sidecars: SidecarPaths) -> tuple[ClaimLine, ...]:
    path = sidecars.claims
    data = read_sidecar(path, storage=sidecars.storage)
    lines = parse_claims(data) if data is not None else ()
    for line in lines:
        if isinstance(line.error, LimitError):
            raise line.error
        if line.error and not isinstance(line.error, UnsupportedError):
            raise SidecarRefusedError(
                f"reserved name `{path.name}` holds something else in line {line.number}: {line.error.what}",
                why="claims are only added to a sound claims file",
                fix=f"remove line {line.number} of `{path}`, or let `--replace` do it",
            )
    return lines


def _sound_lines(sidecars: SidecarPaths) -> tuple[ClaimLine, ...]:
    try:
        data = read_sidecar(sidecars.claims, storage=sidecars.storage)
        lines = parse_claims(data, with_lists=False) if data is not None else ()
    except (SidecarRefusedError, LimitError):
        return ()
    return tuple(line for line in lines if line.bundle or isinstance(line.error, UnsupportedError))


def _is_superseded(line: ClaimLine, signers: Sequence[Signer], kinds: set[str]) -> bool:
    if line.bundle is None or _kind(line.bundle) not in kinds:
        return False
    bundle = line.bundle
    return any(_is_by(bundle, signer) for signer in signers)


def _kind(bundle: Bundle) -> str:
    try:
        return Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload).predicate_type
    except WeightmarkError:
        return ""


def _existing_signature(
    sidecars: SidecarPaths, signer: Signer
) -> tuple[Bundle | UnsupportedError | None, bool]:
    """Return what stands under the signature's name, and whether somebody else than `signer` made it."""
    path = sidecars.signature
    data = read_sidecar(path, storage=sidecars.storage)
    if data is None:
        return None, False
    try:
        bundle = Bundle.parse(data, what=f"`{path.name}`")
    except UnsupportedError as error:
        return error, True
    except MalformedError as error:
        raise SidecarRefusedError(
            f"reserved name `{path.name}` holds something else: {error.what}",
            why="a signature is written only where nothing or a signature stands",
            fix=f"move `{path}` away, or overwrite it with `--replace`",
        ) from error
    return bundle, not _is_by(bundle, signer)


def _is_by(bundle: Bundle, signer: Signer) -> bool:
    """Tell whether `signer` is proven to have made `bundle`; what can't be told is somebody else's."""
    try:
        return signer.own_trust().verify(bundle).signer.is_same_as(signer.identity)
    except WeightmarkError:
        return False


def _records_our_names(foreign: Bundle | UnsupportedError) -> bool:
    """Read the recorded ignores without believing them: they only decide where a file is put."""
    if isinstance(foreign, UnsupportedError):
        return False
    try:
        statement = Statement.parse(foreign.envelope.payload_type, foreign.envelope.payload)
        return {CLAIMS, RECEIPT} <= set(OmsClaim.from_statement(statement).ignore_paths)
    except WeightmarkError:
        return False
