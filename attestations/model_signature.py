"""What a new `model.sig` says: its form, what it leaves out, and who can verify it."""

import shlex
from collections.abc import Sequence
from dataclasses import replace

from weightmark.attestations.ignored_paths import IgnoredPaths
from weightmark.attestations.predicates.oms import SILENT_IGNORES, OmsClaim, Serialization
from weightmark.errors import CallError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import FileDigests

__all__ = ["form_notices", "leave_out", "list_files"]


def leave_out(artifact: Artifact, paths: Sequence[str]) -> IgnoredPaths:
    """Read what the signer leaves out; raises `CallError` for a folder that hides what a loader could open."""
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
    names = sorted(ignored.names - SILENT_IGNORES)
    if names:
        named = " ".join(f"--ignore-paths {shlex.quote(name)}" for name in names)
        notices.append(f"`model.sig` leaves files out: whoever verifies has to add `{named}`")
    return notices
