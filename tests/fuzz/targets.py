"""One function a parser: any bytes give a value that keeps the parser's promise, or an error of the tree.

A target lets only `WeightmarkError` through; whatever else it raises is a bug.
"""

import io
import json
import pickletools
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self

from tests.attestations.sigstore import own_log
from tests.fuzz.content_targets import CONTENT_TARGETS
from tests.fuzz.scan_seeds import SCANNED
from tests.fuzz.seeds import EVIL, FOUNDING, LEAF, LOG, RELEASE
from tests.fuzz.tensor_targets import TENSOR_TARGETS
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.attestations.claims import parse_claims, render_claims
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.explain import explain_policy
from weightmark.attestations.policy.parse import parse_policy
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.conversion import ConversionClaim
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.submission import SubmissionRequest
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import verify_key_bundle_times
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.cli import inspect_
from weightmark.cli.render.json_form import json_text
from weightmark.provenance.ledger.checkpoint import parse_checkpoint
from weightmark.provenance.ledger.event import parse_event
from weightmark.provenance.ledger.note import NoteVerifier, open_note, split_note
from weightmark.provenance.ledger.proof import format_proof, parse_proof, verify_receipt
from weightmark.provenance.ledger.registration import read_founding
from weightmark.provenance.ledger.tiles import encode_bundle, parse_bundle
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.strict_json import canonical_json, parse_json
from weightmark.scanners.findings import FileScan, Outcome
from weightmark.scanners.limits import Limits
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.scan import scan_file
from weightmark.settings import Discovery, Vocabulary, named_file, resolve

Target = Callable[[bytes], None]

_LIMITS = Limits(
    opcodes=200_000,
    memo=10_000,
    stack=10_000,
    streams=100,
    members=1_000,
    decompressed=4 << 20,
    nested=1 << 20,
    header=1 << 20,
)
"""small, so that a target spends its time on many inputs instead of on one"""
_READ_AT_MOST = 1 << 20
_SYSTEM = frozenset(["os system", "posix system", "nt system", "subprocess Popen"])
_VOCABULARY = Vocabulary(
    "sign", {"key": False, "jobs": True}, ("sign", "ledger"), lambda: ("key", "jobs", "policy")
)


class _Predicate(Protocol):
    """What every kind of claim can do."""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self: ...

    def to_predicate(self) -> dict[str, Any]: ...


def bundle(data: bytes) -> None:
    """What is read is what is written."""
    parsed = Bundle.parse(data)
    assert Bundle.parse(parsed.to_bytes()) == parsed


def signature(data: bytes) -> None:
    """Nothing but the signed statement is ever verified."""
    verified = Trust.in_keys([RELEASE.public]).verify(Bundle.parse(data))
    assert verified.bundle.envelope.payload == Bundle.parse(_sound("bundle")).envelope.payload


def logged_bundle(data: bytes) -> None:
    """Nothing but what the log took in is ever verified, at no other time."""
    asked = Thresholds(log_entries=1, certificate_promises=0, times=0)
    parsed = Bundle.parse(data)
    proof = verify_key_bundle_times(
        parsed, own_log.SIGNER.public, own_log.root(), now=own_log.NOW, thresholds=asked
    )
    assert parsed.envelope.payload == b"{}"
    assert {time.at for time in proof.times} <= {own_log.NOW}


def trusted_root(data: bytes) -> None:
    """What is read has a window, and keys and certificates that can be used or are named."""
    root = TrustedRoot.parse(data)
    assert all(log.validity.start.tzinfo for log in (*root.logs, *root.certificate_logs))
    for log in (*root.logs, *root.certificate_logs):
        assert log.key.kind
    for authority in (*root.certificate_authorities, *root.timestamp_authorities):
        assert authority.certificates
        assert authority.name


def claims(data: bytes) -> None:
    """Each line is a bundle or a reason, and lines survive being written."""
    lines = parse_claims(data)
    assert all((line.bundle is None) != (line.error is None) for line in lines)
    again = parse_claims(render_claims(line.raw for line in lines))
    assert [line.raw for line in again] == [line.raw for line in lines]


def statement(data: bytes) -> None:
    """A statement has a subject, and digests are hex or absent."""
    parsed = Statement.parse(IN_TOTO_PAYLOAD_TYPE, data)
    assert parsed.subjects
    assert all(len(one.sha256) in {0, 64} for one in parsed.subjects)


def oms_claim(data: bytes) -> None:
    _round_trip(OmsClaim, data)


def manifest_claim(data: bytes) -> None:
    _round_trip(ManifestClaim, data)


def scan_claim(data: bytes) -> None:
    _round_trip(ScanClaim, data)


def conversion_claim(data: bytes) -> None:
    _round_trip(ConversionClaim, data)


def approval_claim(data: bytes) -> None:
    _round_trip(ApprovalClaim, data)


def verification_summary(data: bytes) -> None:
    _round_trip(VerificationSummary, data)


def submission(data: bytes) -> None:
    """A request that is read and written again asks for the same."""
    request = SubmissionRequest.from_statement(Statement.parse(IN_TOTO_PAYLOAD_TYPE, data))
    again = Statement.parse(IN_TOTO_PAYLOAD_TYPE, request.to_statement())
    assert SubmissionRequest.from_statement(again) == request


def manifest(data: bytes) -> None:
    """There is one spelling of a manifest."""
    assert Manifest.parse(data).canonical_bytes == data


def strict_json(data: bytes) -> None:
    """Strict JSON means to any other reader what it means here, and its canonical form is stable."""
    value = parse_json(data, what="the document")
    assert json.loads(data) == value
    try:
        canonical = canonical_json(value)
    except TypeError:
        return
    assert parse_json(canonical, what="the canonical form") == value
    assert canonical_json(parse_json(canonical, what="the canonical form")) == canonical


def policy(data: bytes) -> None:
    """A policy that is read trusts somebody, and can be explained."""
    parsed = parse_policy(data, source="policy.toml", files=PolicyFiles(lambda _: RELEASE.public))
    assert parsed.release.all_anchors or parsed.require.release is None
    assert explain_policy(parsed)


def settings_file(data: bytes) -> None:
    _read_settings("weightmark.toml", data)


def project_file(data: bytes) -> None:
    _read_settings("pyproject.toml", data)


def public_key(data: bytes) -> None:
    """A key that is read has one fingerprint, however it was written."""
    key = PublicKey.from_pem(data)
    assert PublicKey.from_pem(key.pem).identity == key.identity


def verifier_key(data: bytes) -> None:
    """There is one spelling of a log's key."""
    text = data.decode("utf-8", "replace")
    assert NoteVerifier.parse(text).vkey == text


def note(data: bytes) -> None:
    """A note is its text and its lines and nothing else, and only the log's text is verified."""
    text, lines = split_note(data)
    written = b"".join(
        f"\u2014 {line.name} {_base64(line.key_id + line.signature)}\n".encode() for line in lines
    )
    assert text + b"\n" + written == data
    assert open_note(data, [LOG.verifier]).text == split_note(_sound("note"))[0]


def checkpoint(data: bytes) -> None:
    """There is one spelling of a checkpoint."""
    assert parse_checkpoint(data).to_text() == data


def proof(data: bytes) -> None:
    """There is one spelling of a proof."""
    assert format_proof(parse_proof(data)) == data


def receipt(data: bytes) -> None:
    """No damage makes a receipt of another event, or of another place."""
    verified = verify_receipt(data, LOG.verifier)
    assert verified.event.to_bytes() == LEAF
    assert (verified.index, verified.checkpoint.size) == (0, 2)


def event(data: bytes) -> None:
    """There is one spelling of an event."""
    assert parse_event(data).to_bytes() == data


def entry_bundle(data: bytes) -> None:
    """There is one spelling of an entry bundle."""
    assert encode_bundle(parse_bundle(data)) == data


def founding_policy(data: bytes) -> None:
    """No damage changes who may write."""
    submission = FOUNDING.submission
    found = read_founding(FOUNDING.event, data, submission.request, LOG.verifier)
    assert found == FOUNDING.policy


def pickle_machine(data: bytes) -> None:
    """A pickle that names a function of the system by itself is never clean."""
    if _names_system(data):
        assert _scanned(data).outcome is not Outcome.CLEAN
    else:
        _scanned(data)


def zip_reader(data: bytes) -> None:
    """A member that Python's own reader finds is found here."""
    scan = _scanned(data)
    if any(content == EVIL for content in _members_by_python(data)):
        assert scan.outcome in {Outcome.FINDINGS, Outcome.UNCHECKED}


def safetensors_header(data: bytes) -> None:
    """A file whose tensors share or leave out bytes is never clean."""
    scan = _scanned(data)
    if scan.outcome is Outcome.CLEAN and scan.formats == ("safetensors",):
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        spans = [one["data_offsets"] for name, one in header.items() if name != "__metadata__"]
        assert sum(end - start for start, end in spans) == len(data) - 8 - length


def npy_header(data: bytes) -> None:
    _scanned(data)


def scanned(data: bytes) -> None:
    """A file of any format keeps what every scan promises."""
    _scanned(data)


def inspected_file(data: bytes) -> None:
    """Whatever a file says of itself can be shown."""
    if data.startswith(b"c2sp.org/tlog-proof@"):
        entries = inspect_._receipt(data)
    else:
        entries = inspect_._bundles(data)
    assert json.loads(json_text({"entries": entries}))


def _read_settings(name: str, data: bytes) -> None:
    """Nothing but the flags of the command is ever set."""
    path = _folder() / name
    path.write_bytes(data)
    settings = resolve(Discovery((named_file(path, []),)), _VOCABULARY)
    assert settings.values.keys() <= _VOCABULARY.flags.keys()


def _round_trip(kind: type[_Predicate], data: bytes) -> None:
    """What a claim says survives being read and written."""
    parsed = Statement.parse(IN_TOTO_PAYLOAD_TYPE, data)
    claim = kind.from_statement(parsed)
    again = Statement(parsed.subjects, parsed.predicate_type, claim.to_predicate())
    assert kind.from_statement(again) == claim


def _scanned(data: bytes) -> FileScan:
    """Scan twice, and check what every scan promises."""
    scan = scan_file("model.bin", MemoryView(data), _LIMITS)
    assert scan == scan_file("model.bin", MemoryView(data), _LIMITS)
    assert scan.outcome is not Outcome.CLEAN or not scan.problems
    for finding in scan.findings:
        assert finding.rule in catalogue()
        assert finding.offset is None or finding.offset >= 0
        assert finding.member or (finding.offset or 0) <= len(data)
    return scan


def _names_system(data: bytes) -> bool:
    """Tell whether the standard library reads a whole pickle that names a function of the system."""
    try:
        names = [str(arg) for code, arg, _ in pickletools.genops(data) if code.name == "GLOBAL"]
    except Exception:  # noqa: BLE001 - whatever it cannot read says nothing
        return False
    return bool(_SYSTEM.intersection(names))


def _members_by_python(data: bytes) -> list[bytes]:
    contents: list[bytes] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[:100]:
                with archive.open(info) as member:
                    contents.append(member.read(_READ_AT_MOST))
    except Exception:  # noqa: BLE001, S110 - what it read before it gave up still counts
        pass
    return contents


def _sound(name: str) -> bytes:
    from tests.fuzz.seeds import SEEDS

    return SEEDS[name][0]


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


@cache
def _keeper() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="weightmark-fuzz-")


def _folder() -> Path:
    return Path(_keeper().name)


TARGETS: Mapping[str, Target] = MappingProxyType(
    dict.fromkeys(SCANNED, scanned)
    | dict(TENSOR_TARGETS)
    | dict(CONTENT_TARGETS)
    | {
        function.__name__: function
        for function in (
            approval_claim,
            bundle,
            checkpoint,
            claims,
            conversion_claim,
            entry_bundle,
            event,
            founding_policy,
            inspected_file,
            logged_bundle,
            manifest,
            manifest_claim,
            note,
            npy_header,
            oms_claim,
            pickle_machine,
            policy,
            project_file,
            proof,
            public_key,
            receipt,
            safetensors_header,
            scan_claim,
            settings_file,
            signature,
            statement,
            strict_json,
            submission,
            trusted_root,
            verification_summary,
            verifier_key,
            zip_reader,
        )
    }
)
"""every target by its name"""
