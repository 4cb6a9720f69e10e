"""What a bundle says of itself, in plain words. Nothing is verified here, so nothing of it may decide."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.bundles.legacy_encoding import LEGACY_PREDICATE
from weightmark.attestations.bundles.log_entry import LogEntry
from weightmark.attestations.bundles.message_signature import MessageSignature
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.compact_manifest import CompactManifest, read_manifest_claim
from weightmark.attestations.predicates.key_rotation import KEY_ROTATION_PREDICATE, KeyRotation
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OMS_PREDICATE, SILENT_IGNORES, OmsClaim
from weightmark.attestations.predicates.registry import read_predicate
from weightmark.attestations.predicates.revocation import (
    REINSTATEMENT_PREDICATE,
    REVOCATION_PREDICATE,
    ReinstatementClaim,
    RevocationClaim,
)
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.stating import Stated
from weightmark.attestations.predicates.submission import SUBMISSION_PREDICATE, SubmissionRequest
from weightmark.attestations.predicates.tensors import TENSORS_PREDICATE, TensorsClaim
from weightmark.attestations.predicates.tree import TREE_PREDICATE
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust.claimed import claimed_signer
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["Description", "describe"]

_SHOWN = 3
_MAX_TEXT = 300
_LAST_SECOND = 253402300799


@dataclass(frozen=True)
class Description:
    """A bundle as it wants to be seen."""

    version: str
    """of the bundle format, for example `0.3`"""
    statement: Statement | None
    """what is signed; None for the bytes of a file, and for what is no statement"""
    signer: str
    """whom it names as its signer, in words"""
    flags: str
    """what to add to `verify` to accept exactly that one"""
    certificate: dict[str, str] | None
    """what the signer's certificate says; None without one that can be read"""
    log_entries: tuple[dict[str, Any], ...]
    """log, index, kind and time of each entry of a transparency log"""
    timestamps: tuple[dict[str, Any], ...]
    """time and authority of each RFC 3161 timestamp; nulls for one that can't be read"""
    error: WeightmarkError | None
    """why `statement` is None, if it should not be"""
    words: tuple[tuple[str, str], ...]
    """label and sentence, in the order in which a person wants to know"""


def describe(bundle: Bundle) -> Description:
    """Say what `bundle` claims; whatever can't be read is said to be so."""
    statement, error = _statement(bundle)
    signer, flags = claimed_signer(bundle)
    certificate = _certificate(bundle)
    entries = tuple(_log_entry(entry) for entry in bundle.log_entries)
    stamps = tuple(_timestamp(token) for token in bundle.timestamps)
    words = [*_content_words(bundle, statement, error), ("signed by", signer)]
    words += [(name.replace("-", " "), text) for name, text in (certificate or {}).items()]
    words += [("logged", _logged(entry)) for entry in entries]
    words += [("timestamp", _stamped(stamp)) for stamp in stamps]
    if not (entries or stamps):
        words.append(("time", "nothing says when it was signed"))
    words.append(("to check it", f"weightmark verify PATH {flags}"))
    return Description(
        bundle.version,
        statement,
        signer,
        flags,
        certificate,
        entries,
        stamps,
        error,
        tuple((label, _short(text)) for label, text in words),
    )


def _statement(bundle: Bundle) -> tuple[Statement | None, WeightmarkError | None]:
    content = bundle.content
    if isinstance(content, MessageSignature):
        return None, None
    try:
        return Statement.parse(content.payload_type, content.payload), None
    except WeightmarkError as error:
        return None, error


def _content_words(
    bundle: Bundle, statement: Statement | None, error: WeightmarkError | None
) -> Iterator[tuple[str, str]]:
    content = bundle.content
    if isinstance(content, MessageSignature):
        digest = f", {content.algorithm} {content.digest.hex()}" if content.digest else ""
        yield "states", f"nothing but a signature over the bytes of one file{digest}"
        return
    if statement is None:
        why = f": {error.what}" if error else ""
        yield "states", f"something that is no statement{why}"
        return
    yield "states", _stated(statement)
    for subject in statement.subjects[:_SHOWN]:
        digest = subject.identity or (
            f"sha256:{subject.sha256}" if subject.sha256 else "no SHA-256"
        )
        yield "about", f"`{subject.name}`, {digest}"
    if len(statement.subjects) > _SHOWN:
        yield "about", f"and {len(statement.subjects) - _SHOWN} more"
    if isinstance(content, Envelope):
        yield "claim id", f"sha256:{content.claim_id}"


def _stated(statement: Statement) -> str:
    say = _KINDS.get(statement.predicate_type, _fields)
    try:
        return say(statement)
    except WeightmarkError as error:
        return (
            f"a statement of the type {statement.predicate_type}, but not in its form: {error.what}"
        )


def _oms(statement: Statement) -> str:
    claim = OmsClaim.from_statement(statement, allow_legacy=True)
    how = claim.serialization
    unit = f"shards of {how.shard_size} bytes" if how.shard_size else "whole files"
    ignored = sorted(set(how.ignore_paths) - SILENT_IGNORES)
    left_out = f"; it leaves out {_named(ignored)}" if ignored else ""
    older = " in the form of 2024" if statement.predicate_type == LEGACY_PREDICATE else ""
    return f"a model signature{older}: {_files(claim.files)}, {unit} by {how.algorithm}{left_out}"


def _manifest(statement: Statement) -> str:
    claim = read_manifest_claim(statement, {})
    if isinstance(claim, CompactManifest):
        return f"the artifact holds exactly the {claim.count} files of the list {claim.list_digest}"
    return f"the artifact holds exactly {_files(claim.sha256)}"


def _scan(statement: Statement) -> str:
    claim = ScanClaim.from_statement(statement)
    if not claim.scanner:
        return "nothing was scanned when it was signed"
    found = f", {len(claim.findings)} findings" if claim.findings else ""
    return f"{claim.scanner} scanned it: {claim.result}{found}"


def _approval(statement: Statement) -> str:
    claim = ApprovalClaim.from_statement(statement)
    end = f", until {format_time(claim.expires)}" if claim.expires else ", without an end"
    return f"somebody vouches for it{end}: {claim.reason}"


def _summary(statement: Statement) -> str:
    claim = VerificationSummary.from_statement(statement)
    decided = "let it pass" if claim.passed else "refused it"
    return (
        f"{claim.verifier} {decided} at {format_time(claim.time)} by the policy {claim.policy_uri}"
    )


def _rotation(statement: Statement) -> str:
    claim = KeyRotation.from_statement(statement)
    return f"key:{claim.old} hands over to {claim.new.identity}"


def _tensors(statement: Statement) -> str:
    claim = TensorsClaim.from_statement(statement)
    count = sum(len(file.tensors) for file in claim.files)
    return f"digests of {count} tensors in {_files({file.path: '' for file in claim.files})}"


def _revocation(statement: Statement) -> str:
    claim = RevocationClaim.from_statement(statement)
    since = f", since {format_time(claim.since)}" if claim.since else ""
    return f"`{claim.subject.text}` is revoked{since}: {claim.reason}"


def _reinstatement(statement: Statement) -> str:
    claim = ReinstatementClaim.from_statement(statement)
    return f"the revocation sha256:{claim.revocation} is taken back: {claim.reason}"


def _submission(statement: Statement) -> str:
    claim = SubmissionRequest.from_statement(statement)
    return (
        f"the ledger `{claim.origin}` is asked to record the claim sha256:{claim.claim_id} as `{claim.kind}`, "
        f"before {format_time(claim.not_after)}"
    )


def _fields(statement: Statement) -> str:
    """Say its type and those of its fields that are texts; of a type that is known it must be in its form."""
    read_predicate(statement)
    said = Stated(statement.predicate_type, statement.predicate)
    return f"a statement of the type {said.words}"


def _tree(_: Statement) -> str:
    return "a tree over the files, by which membership can be proven"


_KINDS: dict[str, Callable[[Statement], str]] = {
    OMS_PREDICATE: _oms,
    LEGACY_PREDICATE: _oms,
    MANIFEST_PREDICATE: _manifest,
    SCAN_PREDICATE: _scan,
    APPROVAL_PREDICATE: _approval,
    VSA_PREDICATE: _summary,
    KEY_ROTATION_PREDICATE: _rotation,
    TENSORS_PREDICATE: _tensors,
    TREE_PREDICATE: _tree,
    REVOCATION_PREDICATE: _revocation,
    REINSTATEMENT_PREDICATE: _reinstatement,
    SUBMISSION_PREDICATE: _submission,
}


def _files(names: dict[str, str]) -> str:
    count = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"{count} ({_named(list(names))})"


def _named(names: list[str]) -> str:
    shown = ", ".join(f"`{name[:80]}`" for name in names[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown


def _certificate(bundle: Bundle) -> dict[str, str] | None:
    chain = bundle.certificate_chain
    if chain is None:
        return None
    from cryptography.x509 import load_der_x509_certificate

    from weightmark.attestations.sigstore.extensions import FulcioExtensions

    try:
        leaf = load_der_x509_certificate(chain.leaf)
        facts = {
            "certificate": leaf.subject.rfc4514_string() or "without a name of its own",
            "issued-by": leaf.issuer.rfc4514_string(),
            "valid-from": format_time(leaf.not_valid_before_utc),
            "valid-until": format_time(leaf.not_valid_after_utc),
        }
        said = {name: text for name, text in FulcioExtensions.of(leaf).named() if name != "issuer"}
    except (ValueError, WeightmarkError):
        return None
    return {**facts, **said}


def _log_entry(entry: LogEntry) -> dict[str, Any]:
    time = entry.integrated_time
    return {
        "log": f"sha256:{entry.log_id.hex()}",
        "index": entry.log_index,
        "kind": f"{entry.kind} {entry.version}",
        "time": format_time(datetime.fromtimestamp(time, UTC)) if 0 < time < _LAST_SECOND else None,
        "inclusion_proof": entry.proof is not None,
    }


def _logged(entry: dict[str, Any]) -> str:
    at = f", at {entry['time']} as it says" if entry["time"] else ""
    proof = "with" if entry["inclusion_proof"] else "without"
    return f"entry {entry['index']} of the log {entry['log'][:23]}… ({entry['kind']}){at}, {proof} an inclusion proof"


def _timestamp(token: bytes) -> dict[str, Any]:
    from rfc3161_client import decode_timestamp_response

    try:
        information = decode_timestamp_response(token).tst_info
        return {"time": format_time(information.gen_time), "serial": str(information.serial_number)}
    except Exception:  # noqa: BLE001 - the library raises whatever it meets in bytes that nobody vouches for
        return {"time": None, "serial": None}


def _stamped(stamp: dict[str, Any]) -> str:
    if stamp["time"] is None:
        return "one that can't be read"
    return f"{stamp['time']} as it says, number {stamp['serial']}"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
