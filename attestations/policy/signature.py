"""Signed policies: who stands behind a text, which revision it is, until when it holds."""

from datetime import datetime
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.errors import (
    MalformedError,
    NoSignatureError,
    PolicyError,
    TamperedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.sidecars import read_named

__all__ = [
    "POLICY_PREDICATE",
    "require_raised",
    "sign_policy",
    "signature_path",
    "verify_policy",
]

POLICY_PREDICATE = "https://weightmark/predicates/policy/v1"


def signature_path(policy: Path) -> Path:
    """Return where the signature of a policy file stands: `FILE.sig`."""
    return policy.with_name(f"{policy.name}.sig")


def sign_policy(policy: Policy, signer: Signer) -> Bundle:
    """Sign the text of a policy and the files that it names; raises `PolicyError` for one without `revision` or `expires`.

    The bundle is verified again before it is returned.
    """
    if not policy.revision or policy.expires is None:
        raise PolicyError(
            "the policy has no `revision` and no `expires`"
            if not policy.revision and policy.expires is None
            else f"the policy has no `{'expires' if policy.revision else 'revision'}`",
            why="a signed text without them could be shown for ever, in place of a newer one",
            fix="set both at the top: `revision = 1`, `expires = 2027-06-30`",
        )
    payload = Statement.about_digest(
        policy.name,
        policy.sha256,
        POLICY_PREDICATE,
        {
            "revision": str(policy.revision),
            "expires": format_time(policy.expires),
            "files": dict(sorted(policy.files.items())),
        },
    )
    bundle = Bundle.parse(signer.sign_statement(payload).to_bytes(), what="the signed policy")
    signer.own_trust().verify(bundle)
    return bundle


def require_raised(path: Path, policy: Policy, trust: Trust) -> None:
    """Refuse to sign another text as a revision that `trust` signed already beside `path`, or as an older one.

    Raises `PolicyError`: whoever saw the first would refuse the second, and could not tell which is newer.
    """
    try:
        verified = trust.verify(
            Bundle.parse(read_named(signature_path(path), "signature"), what="the old signature")
        )
        signed = Fields(verified.statement.predicate, "the signed policy")
        revision, files = int(signed.text("revision")), signed.mapping("files")
    except (WeightmarkError, ValueError):
        # nothing that this signer said stands there
        return
    said = (verified.statement.subject.sha256, dict(sorted(files.items())))
    if said == (policy.sha256, dict(sorted(policy.files.items()))) or policy.revision > revision:
        return
    raise PolicyError(
        f"revision {revision} of the policy `{path}` is signed already, with another content",
        why="whoever judged by that one refuses an older revision, and another text of the same one",
        fix=f"set `revision = {revision + 1}` at the top",
    )


def verify_policy(path: Path, policy: Policy, trust: Trust, *, now: datetime) -> VerifiedBundle:
    """Verify who signed the policy that was read from `path`; it must be signed in this very form.

    Raises `NoSignatureError` when no signature stands beside it, `TamperedError` when it is of
    another text or a file that the policy names is another one, and what verifying raises.
    """
    place = signature_path(path)
    if not place.is_file():
        raise NoSignatureError(
            f"the policy `{path}` is not signed",
            why=f"looked for `{place}`",
            fix=f"have its owner sign it with `weightmark policy sign {path} --key OWNER.key`",
        )
    signature = Bundle.parse(read_named(place, "signature"), what=f"`{place}`")
    try:
        verified = trust.verify(signature, now=now)
    except WrongSignerError as error:
        error.what = f"the policy `{path}` is not signed by the owner whom you named: {error.what}"
        error.fix = "name the public key of the policy's owner, or get the policy and its signature again from them"
        raise
    statement = verified.statement
    if statement.predicate_type != POLICY_PREDICATE:
        raise MalformedError(f"`{place}` is no signature of a policy")
    fields = Fields(statement.predicate, "the signed policy")
    said = (statement.subject.sha256, fields.text("revision"), fields.text("expires"))
    expires = format_time(policy.expires) if policy.expires else ""
    if said != (policy.sha256, str(policy.revision), expires):
        raise TamperedError(
            f"the policy `{path}` is not what {verified.signer.name} signed",
            why=f"signed was sha256:{said[0]}, and this is sha256:{policy.sha256}",
            fix="get the policy and its signature again from their owner",
        )
    _require_files(path, policy, fields.mapping("files"), verified)
    return verified


def _require_files(
    path: Path, policy: Policy, signed: dict[str, object], verified: VerifiedBundle
) -> None:
    """Refuse keys and trust files that were swapped: whom a policy trusts stands there."""
    for name in sorted({*signed, *policy.files}):
        said, found = signed.get(name), policy.files.get(name)
        if said != found:
            raise TamperedError(
                f"`{name[:200]}`, which the policy `{path}` names, is not what {verified.signer.name} signed",
                why=f"signed was sha256:{str(said)[:64]}, and this is sha256:{found}"
                if said
                else "the signature says nothing of that file",
                fix="get the policy, what it names and its signature again from their owner,"
                f" who signs with `weightmark policy sign {path}`",
            )
