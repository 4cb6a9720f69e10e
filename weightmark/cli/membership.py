"""Proofs of membership on the command line: `digest --prove` writes one, `verify --proof` checks it."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from weightmark.cli.console import Console
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import CallError, Exit, MalformedError

if TYPE_CHECKING:
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.verifying.membership import VerifiedMembership
    from weightmark.provenance.artifact import Artifact
    from weightmark.provenance.membership.proof import MembershipProof

__all__ = ["check_proof", "write_proof"]

_LONGEST_ECHO = 200


def write_proof(
    console: Console, path: str, member: str, key: str | None, passphrase_file: str | None
) -> NoReturn:
    """Write a proof that `member` is, or is not, in the artifact at `path`; with `key`, its tree signed."""
    from weightmark.provenance.artifact import open_artifact
    from weightmark.provenance.membership.prove import Member, prove_member

    wanted = Member.parse(member)
    near: list[str] = []
    with console.progress(None) as progress:
        proof = prove_member(
            Path(path), wanted, progress=progress, jobs=console.jobs, near=near.append
        )
    if key:
        from weightmark.attestations.verifying.membership import sign_tree
        from weightmark.cli.options.signers import load_signer

        signer = load_signer(key, passphrase_file, command="digest")
        proof = sign_tree(proof, open_artifact(path).name, signer)
    elif proof.manifest is None:
        proof = _with_stored_claim(proof, open_artifact(path))
        if proof.claim is None:
            console.note("nobody vouches for this proof: sign it with `--key FILE`")
    present = "is" if proof.check_rows() else "is not"
    console.note(f"`{_echoed(member)}` {present} in `{path}`, {proof.identity}")
    for words in near:
        console.note(f"the file does hold that record {words}, which is another one here")
    console.write(proof.to_bytes().decode())
    raise SystemExit(int(Exit.GOOD))


def _echoed(member: str) -> str:
    """Return what was asked about in the caller's words; a proof names a line by its digest alone."""
    return member if len(member) <= _LONGEST_ECHO else f"{member[:_LONGEST_ECHO]}…"


def _with_stored_claim(proof: "MembershipProof", artifact: "Artifact") -> "MembershipProof":
    """Put in what a signer of many files stated about their tree when they were signed."""
    from weightmark.attestations.verifying.evidence import collect_evidence
    from weightmark.attestations.verifying.membership import with_signed_tree

    found = collect_evidence(artifact)
    return with_signed_tree(proof, (claim.bundle for claim in found.claims))


def check_proof(
    console: Console,
    identity: str,
    file: str,
    trust: "Trust | None",
    *,
    member: str | None,
    absent: bool,
) -> NoReturn:
    """Check the proof in `file` against an identity; good when the member is in it, or with `absent` when it is not."""
    from weightmark.attestations.verifying.membership import verify_membership
    from weightmark.provenance.membership.proof import MAX_PROOF_SIZE, MembershipProof
    from weightmark.provenance.membership.prove import Member, require_about
    from weightmark.provenance.sidecars import read_bounded

    if not identity.startswith("wm1:"):
        raise CallError(
            f"`{identity}` is no identity",
            why="a proof is checked against an identity that you know, without the artifact",
            fix="give the identity of the artifact, `wm1:` and 64 hex digits, and the proof after `--proof`",
        )
    _require_identity(identity)
    if not Path(file).exists():
        raise CallError(f"the proof `{file}` does not exist", fix="check the path after `--proof`")
    proof = MembershipProof.parse(read_bounded(Path(file), limit=MAX_PROOF_SIZE))
    if member is not None:
        require_about(proof, Member.parse(member))
    console.finish(_document(verify_membership(proof, identity, trust), absent=absent))


def _require_identity(identity: str) -> None:
    from weightmark.provenance.manifest import parse_identity

    try:
        parse_identity(identity)
    except MalformedError as error:
        raise CallError(
            f"`{identity[:80]}` is no identity",
            why="a proof is checked against the identity of a whole artifact",
            fix="give `wm1:` and 64 hex digits, as `weightmark digest` prints them",
        ) from error


def _document(verified: "VerifiedMembership", *, absent: bool) -> Document:
    proof = verified.proof
    good = verified.present is not absent
    found = "is" if verified.present else "is not"
    proven = "proven" if verified.present else "proven absent"
    check = CheckLine(
        Outcome.PASS if good else Outcome.FAIL,
        "membership",
        f"`{proof.member}` {found} in {proof.identity}",
        why="" if good else "the proof shows the contrary of what you asked for",
        fix="" if good else "to be content with this answer, " + _other(absent=absent),
        details=tuple(line for line in (verified.row, _bound_by(verified)) if line),
        code="" if good else "not-a-member",
    )
    return Document(
        schema="weightmark/verify/v1",
        exit=Exit.GOOD if good else Exit.BAD,
        verdict="verified" if good else "refused",
        headline=f"{proven}: `{proof.member}` {found} in the artifact",
        checks=(check,),
        facts={
            "path": proof.identity,
            "pinned": None,
            "identity": proof.identity,
            "signers": [verified.signer] if verified.signer else [],
            "digest_used": None,
            "claims": [],
            "files": _files(verified),
            "outside": [],
            "uncovered": [],
        },
    )


def _other(*, absent: bool) -> str:
    return "leave out `--absent`" if absent else "add `--absent`"


def _bound_by(verified: "VerifiedMembership") -> str:
    if verified.signer:
        return f"{verified.signer} states the root of the tree"
    return "the manifest in the proof has this identity"


def _files(verified: "VerifiedMembership") -> list[dict[str, object]]:
    """Return the member as the manifest lists it, if it is a file."""
    if not verified.present or verified.proof.kind is not None:
        return []
    digest, size, _ = verified.row.split(" ", 2)
    return [{"path": verified.proof.file, "size": int(size), "blake3": f"blake3:{digest}"}]
