"""Manifest claims whose list of files is stored nowhere: the identity alone has to be that of the content."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.predicates.file_list import FileList
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.verifying.belief import Belief, BelievedManifest, UnlistedManifest
from weightmark.provenance.reading.engine import Reading

__all__ = ["complete"]


def complete(belief: Belief, reading: Reading[Any] | None) -> tuple[Belief, tuple[Check, ...]]:
    """Give each claim without a list the files that were read, if they have the identity that it states.

    Where they do not, and nothing else tells what differs, a check says so.
    """
    if not belief.unlisted or reading is None:
        return belief, ()
    fitting = tuple(_fitting(belief, reading))
    claims = {one.verified.claim_id for one in fitting}
    left = tuple(one for one in belief.unlisted if one.verified.claim_id not in claims)
    completed = replace(belief, manifests=(*belief.manifests, *fitting), unlisted=left)
    return completed, () if completed.manifests else (_differs(belief.unlisted[-1], reading),)


def _fitting(belief: Belief, reading: Reading[Any]) -> Iterator[BelievedManifest]:
    manifest = reading.manifest()
    whole = all(file.sha256 for file in reading.files)
    digest = FileList(manifest, reading.sha256).digest if whole else ""
    for one in belief.unlisted:
        if one.claim.identity == manifest.identity and digest in ("", one.claim.list_digest):
            claim = ManifestClaim(manifest, dict(reading.sha256) if whole else {}, one.claim.links)
            yield BelievedManifest(one.verified, claim)


def _differs(one: UnlistedManifest, reading: Reading[Any]) -> Check:
    found = reading.manifest().identity
    same = found == one.claim.identity
    return Check(
        "manifest claim",
        Outcome.FAIL,
        "the content differs from what was signed",
        "the SHA-256 of a file is another one than was signed"
        if same
        else f"it is {found} instead of {one.claim.identity}",
        "get the artifact again from the publisher, or ask for a new signature",
        ("the list of its files is not stored, so what differs can't be named",),
        "tampered",
    )
