"""What a `model.sig` says: its form, what it leaves out, who can verify it, and whether it still fits."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ignored_paths import IgnoredPaths, beneath_any
from weightmark.attestations.predicates.oms import SILENT_IGNORES, OmsClaim, Serialization
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import FileDigests

__all__ = ["form_notices", "is_outdated", "leave_out", "list_files"]


def leave_out(artifact: Artifact, paths: Sequence[str]) -> IgnoredPaths:
    """Read what the signer leaves out.

    What is not there yet may be named: it may come later, as a signature of another tool does.
    Raises `CallError` for a folder that hides what a loader could open.
    """
    ignored = IgnoredPaths.of(artifact, paths)
    if ignored.kept:
        raise CallError(
            f"`{escape_path(min(ignored.kept))}` is not left out with its folder",
            why="a loader could open it, so nobody would verify what it opens",
            fix="sign it, or name the file itself with `--ignore-paths`",
        )
    return ignored


def list_files(
    artifact: Artifact, files: Sequence[FileDigests], form: Serialization, ignored: IgnoredPaths
) -> OmsClaim:
    """Return the claim over the files as they were read, and over what comes beside them later."""
    covered = {
        file.path: file for file in files if in_oms_set(file.path) and not ignored.covers(file.path)
    }
    how = replace(
        form,
        allow_symlinks=artifact.has_links,
        ignore_paths=tuple(sorted(SILENT_IGNORES | ignored.names)),
    )
    return OmsClaim.of_digests(covered, how)


def form_notices(form: Serialization, ignored: IgnoredPaths) -> list[str]:
    """Say what others need to verify a signature of this form."""
    notices = []
    if form != Serialization():
        how = f"{form.method.value} with {form.algorithm.value}"
        notices.append(f"the reference verifier 1.1.1 cannot verify {how}, only files with sha256")
    absent = sorted(ignored.absent - SILENT_IGNORES)
    if absent:
        listed = ", ".join(f"`{escape_path(name)}`" for name in absent)
        notices.append(
            f"{listed} is not in the artifact: check the spelling after `--ignore-paths`"
        )
    names = sorted(ignored.names - SILENT_IGNORES - ignored.absent)
    if names:
        named = " ".join(f"--ignore-paths {shlex.quote(name)}" for name in names)
        notices.append(f"`model.sig` leaves files out: whoever verifies has to add `{named}`")
    return notices


def is_outdated(kept: Bundle, artifact: Artifact, files: Sequence[FileDigests]) -> bool:
    """Tell whether a model signature that stays lists other content than was read.

    Its list is not believed, so the answer is good for a notice only. A list of digests that were
    not computed counts as fitting.
    """
    try:
        statement = Statement.parse(kept.envelope.payload_type, kept.envelope.payload)
        oms = OmsClaim.from_statement(statement, allow_legacy=True)
    except WeightmarkError:
        return False
    left_out = frozenset(oms.ignore_paths)
    covered = {
        file.path: file
        for file in files
        if in_oms_set(file.path) and not beneath_any(file.path, left_out)
    }
    found = oms.found(covered)
    if found is None:
        return False
    if artifact.single and SINGLE_FILE not in oms.files:
        found = {artifact.name: found[SINGLE_FILE]}
    return found != oms.files
