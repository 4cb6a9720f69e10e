"""Proving: one read of an artifact gives its identity and the tree in which a member is, or is not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from weightmark.errors import CallError, ProofRefusedError
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.membership.proof import MARK_ESCAPED, MembershipProof, file_tree
from weightmark.provenance.membership.records import (
    RecordKind,
    near_records,
    record_key,
    record_tree,
)
from weightmark.provenance.membership.tree import SortedTree
from weightmark.provenance.names import escape_path, path_problem
from weightmark.provenance.reading.engine import ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.values import dataclass

__all__ = ["MAX_EMBEDDED", "Member", "prove_member", "require_about"]

MAX_EMBEDDED = 1024 * 1024
"""bytes; a proof carries a manifest up to this size"""

Records = tuple[RecordKind, SortedTree]


@dataclass(frozen=True, slots=True)
class Member:
    """What a proof is wanted about."""

    file: str
    """path of a file"""
    record: bytes | None = None
    """a line of the file, or the key of a sample; None for the file itself"""

    @classmethod
    def parse(cls, text: str) -> Self:
        r"""Read `FILE` or `FILE!RECORD`; in FILE, `\x21` stands for `!`.

        Raises `CallError` for what can't be a path.
        """
        file, mark, record = text.partition("!")
        file = file.replace(MARK_ESCAPED, "!")
        problem = path_problem(file)
        if problem:
            raise CallError(
                f"the member `{escape_path(file)[:200]}` {problem}",
                fix="name a file as `digest --files` lists it, or `FILE!RECORD`",
            )
        return cls(file, record.encode("utf-8", "surrogateescape") if mark else None)


def prove_member(
    path: str | Path,
    member: Member,
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
    near: Callable[[str], None] | None = None,
) -> MembershipProof:
    """Read the artifact at `path` once and prove that `member` is, or is not, in it.

    A proof about a file carries the manifest where it is small. `near` is told how a record that is
    absent does stand there, such as with a carriage return. Raises `CallError` for a record of a
    file that is not there, and what reading and `record_tree` raise.
    """
    artifact = open_artifact(path).require_identifiable()
    if member.record is not None:
        _require_file(artifact, member.file)

    def inspect(label: str, view: ByteView) -> Records | None:
        wanted = artifact.single or label == member.file
        return record_tree(view) if wanted else None

    reading: Reading[Records | None] = read_artifact(
        artifact,
        inspect=inspect if member.record is not None else None,
        progress=progress,
        jobs=jobs,
    )
    manifest = reading.manifest()
    if member.record is None:
        return _file_proof(manifest, member)
    (found,) = (one for one in reading.inspections if one is not None)
    for words in _near(member.record, found):
        if near:
            near(words)
    return _record_proof(manifest, member.file, member.record, found)


def require_about(proof: MembershipProof, member: Member) -> None:
    """Compare what a proof is about with what was asked for.

    Raises `ProofRefusedError` for another file or record, and `CallError` for what can't be a record.
    """
    wanted = _wanted_record(proof, member)
    if proof.file == member.file and proof.record == wanted:
        return
    asked = escape_path(member.file).replace("!", MARK_ESCAPED) + (f"!{wanted}" if wanted else "")
    raise ProofRefusedError(
        "the proof is about another member",
        why=f"it is about `{proof.member[:300]}`, and you asked for `{asked[:300]}`",
        fix="ask whoever has the artifact for `weightmark digest --prove MEMBER`",
    )


def _wanted_record(proof: MembershipProof, member: Member) -> str | None:
    """Return how a proof names the record that was asked for; None for a file itself."""
    if member.record is None:
        return None
    if proof.kind is None:
        return member.record.decode(errors="replace")
    return record_key(proof.kind, member.record).decode(errors="replace")


def _require_file(artifact: Artifact, file: str) -> None:
    if file not in {entry.path for entry in artifact.entries}:
        raise CallError(
            f"there is no file `{escape_path(file)}` whose records could be looked at",
            fix="see `digest --files`, and write a `!` in its name as `\\x21`; to prove that the file is not there, name it without a record",
        )


def _file_proof(manifest: Manifest, member: Member) -> MembershipProof:
    tree = file_tree(manifest)
    key = member.file.encode()
    text = manifest.canonical_bytes
    return MembershipProof(
        manifest.identity,
        member.file,
        None,
        None,
        tree.head,
        tree.prove(key),
        text.decode() if len(text) <= MAX_EMBEDDED else None,
    )


def _near(record: bytes, records: Records) -> Iterator[str]:
    kind, tree = records
    if tree.holds(record_key(kind, record)):
        return
    for words, other in near_records(kind, record):
        if tree.holds(record_key(kind, other)):
            yield words


def _record_proof(
    manifest: Manifest, file: str, record: bytes, records: Records
) -> MembershipProof:
    kind, tree = records
    key = record_key(kind, record)
    leaves = tree.prove(key)
    return MembershipProof(manifest.identity, file, key.decode(), kind, tree.head, leaves)
