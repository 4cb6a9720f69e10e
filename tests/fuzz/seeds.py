"""Small sound examples of every format, and inputs that once broke a parser."""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attestations.sigstore.own_log import KINDS, OwnLog
from tests.fuzz.content_targets import CONTENT_SEEDS
from tests.fuzz.scan_seeds import SCANNED
from tests.fuzz.tensor_targets import TENSOR_SEEDS
from weightmark.attestations.bundles.bundle import Bundle, CertificateChain, KeyHint
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    pre_authentication_encoding,
)
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.policy.template import draft_policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.conversion import (
    CONVERSION_PREDICATE,
    ConversionClaim,
    NamedFile,
)
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.submission import SubmissionRequest
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.sigstore.packaged import PUBLIC_GOOD, packaged_root
from weightmark.attestations.statements import Statement
from weightmark.provenance.foreign_digests import oms_root
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.merkle import leaf_hash, node_hash
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.proof import Proof, format_proof
from weightmark.provenance.ledger.registration import found
from weightmark.provenance.ledger.tiles import encode_bundle
from weightmark.provenance.manifest import Manifest, Row

RELEASE = PrivateKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "ed25519")
"""the only trusted signer"""
LOG = NoteSigner("log.example/models", bytes(range(32)))
"""the only trusted log"""
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FOUNDING = found(LOG, NoteSigner(f"{LOG.name}/recovery", bytes(32)), [], NOW)
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
"""protocol 4: posix.system('echo x')"""
_HONEST = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01X\x01\x00\x00\x00bq\x02]q\x03(K\x02G?\xf0\x00\x00\x00\x00\x00\x00eu."
_HEX = hashlib.sha256(b"x").hexdigest()
_MANIFEST = Manifest.from_rows([Row("a\nb", 1, _HEX), Row("sub/w.bin", 7, _HEX)])


def _statement(kind: str, predicate: dict[str, Any], sha256: str = "") -> bytes:
    subject = {"name": "model", "digest": {"sha256": sha256 or _HEX}}
    if not sha256:
        return Statement.about_manifest("model", _MANIFEST.identity, kind, predicate, {})
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject],
            "predicateType": kind,
            "predicate": predicate,
        }
    ).encode()


def _bundle(payload: bytes) -> bytes:
    pae = pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, payload)
    envelope = Envelope(IN_TOTO_PAYLOAD_TYPE, payload, RELEASE.sign(pae))
    return Bundle(KeyHint(RELEASE.public.hint), envelope).to_bytes()


def _certified() -> bytes:
    """Return a bundle with everything that a bundle may hold; nothing in it is good."""
    logged = OwnLog(KINDS[0]).bundle()
    chain = CertificateChain((b"leaf", b"authority"), single=False)
    return Bundle(chain, logged.content, logged.log_entries, (b"token",), "0.2").to_bytes()


def _event(kind: Kind, subject: str) -> bytes:
    key = RELEASE.public.identity
    at = "2026-11-21T12:00:00Z"
    return Event(kind, LOG.name, "e:1", _HEX, _HEX, _HEX, subject, key, key, at).to_bytes()


def _receipt() -> bytes:
    other = leaf_hash(b"other")
    root = node_hash(leaf_hash(LEAF), other)
    signed = Checkpoint(LOG.name, 2, root).sign(LOG)
    return format_proof(Proof(0, (other,), signed, LEAF))


def _zip(compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in (("data.pkl", EVIL), ("data/0", b"0123456789"), ("version", b"3\n")):
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content, compression)
    return buffer.getvalue()


def _safetensors(**extra: object) -> bytes:
    header = {
        "w": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        "b": {"dtype": "U8", "shape": [2], "data_offsets": [8, 10]},
        **extra,
    }
    data = json.dumps(header).encode()
    return struct.pack("<Q", len(data)) + data + bytes(10)


def _npy(descr: str) -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}".encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16)


LEAF = _event(Kind.RELEASE, _MANIFEST.identity)
"""the entry that the receipt proves"""
_OMS = OmsClaim.of_files(
    {"a": _HEX, "sub/w.bin": _HEX}, allow_symlinks=False, ignore_paths=("model.sig",)
)
_MANIFEST_STATEMENT = _statement(
    MANIFEST_PREDICATE,
    ManifestClaim(
        _MANIFEST, {row.path: _HEX for row in _MANIFEST.rows}, links=False
    ).to_predicate(),
)
_OMS_STATEMENT = _statement(OMS_PREDICATE, _OMS.to_predicate(), _OMS.root)
_OMS_SHARDS = _statement(
    OMS_PREDICATE,
    {
        "resources": [
            {"name": name, "algorithm": "sha256-sharded-4", "digest": _HEX}
            for name in ("a:b:0:4", "a:b:4:6", "w:0:1")
        ],
        "serialization": {"method": "shards", "hash_type": "sha256", "shard_size": 4.0},
    },
    oms_root([_HEX] * 3),
)
_APPROVAL = _statement(APPROVAL_PREDICATE, ApprovalClaim("tried it", NOW).to_predicate())
_FILE = NamedFile(_MANIFEST.identity, f"sha256:{_HEX}", 5)
_CONVERSION = _statement(
    CONVERSION_PREDICATE,
    ConversionClaim(
        "weightmark 0.1.0", _FILE, "model", _FILE, 2, f"sha256:{_HEX}", f"sha256:{_HEX}"
    ).to_predicate(),
)
_SCAN = _statement(SCAN_PREDICATE, ScanClaim.not_scanned("high").to_predicate())
_SUMMARY = _statement(
    VSA_PREDICATE,
    VerificationSummary(
        "https://gate.example", NOW, "pkg:generic/m", "urn:policy", _HEX, (_HEX,), passed=True,
        levels=("SLSA_BUILD_LEVEL_0",),
    ).to_predicate(),
)  # fmt: skip
_SUBMISSION = SubmissionRequest(LOG.name, "release", _HEX, _HEX, "e:1", NOW).to_statement()
_BUNDLE = _bundle(_MANIFEST_STATEMENT)
_NOTE = LOG.sign(b"log.example/models\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
_SETTINGS = b"""\
jobs = 2
[sign]
key = "release.key"
[ledger.append]
policy = "x"
"""
_PROJECT = b"""\
[project]
name = "p"
[tool.weightmark]
jobs = 3
[tool.weightmark.sign]
key = "release.key"
"""

SEEDS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    dict(SCANNED)
    | dict(TENSOR_SEEDS)
    | dict(CONTENT_SEEDS)
    | {
        "approval_claim": (_APPROVAL,),
        "bundle": (_BUNDLE, _bundle(_OMS_STATEMENT), _certified()),
        "checkpoint": (
            Checkpoint(LOG.name, 2, leaf_hash(b"x")).to_text(),
            Checkpoint(LOG.name, 7, leaf_hash(b"y"), ("ext 1",)).to_text(),
        ),
        "claims": (_BUNDLE + b"\n" + _bundle(_SCAN) + b"\n", b"{}\n" + _BUNDLE),
        "conversion_claim": (_CONVERSION,),
        "entry_bundle": (encode_bundle([LEAF, b"", b"xyz"]),),
        "event": (LEAF, _event(Kind.POLICY, "")),
        "founding_policy": (FOUNDING.submission.claim,),
        "inspected_file": (_BUNDLE, _BUNDLE + b"\n" + _bundle(_SUMMARY), _receipt()),
        "logged_bundle": tuple(OwnLog(kind).bundle().to_bytes() for kind in KINDS),
        "manifest": (_MANIFEST.canonical_bytes,),
        "manifest_claim": (_MANIFEST_STATEMENT,),
        "note": (_NOTE, _NOTE + NoteSigner("witness", bytes(32)).line(_NOTE.split(b"\n\n")[0] + b"\n")),
        "npy_header": (_npy("<f8"), _npy("|O") + EVIL),
        "oms_claim": (_OMS_STATEMENT, _OMS_SHARDS),
        "pickle_machine": (_HONEST, EVIL, b"cos\nsystem\n(S'echo x'\ntR.", b"(iposix\nsystem\n."),
        "policy": (
            draft_policy("strict", [RELEASE.public], name="p"),
            draft_policy("baseline", [RELEASE.public], name="q"),
        ),
        "proof": (_receipt(), format_proof(Proof(7, (), _NOTE))),
        "public_key": (RELEASE.public.pem,),
        "receipt": (_receipt(),),
        "safetensors_header": (_safetensors(), _safetensors(__metadata__={"format": "pt"})),
        "scan_claim": (_SCAN,),
        "project_file": (_PROJECT,),
        "settings_file": (_SETTINGS, b'key = "k"\n'),
        "signature": (_BUNDLE,),
        "statement": (_MANIFEST_STATEMENT, _OMS_STATEMENT, _SUMMARY),
        "strict_json": (b'{"a": [1, -2.5e3, "\\u00e9\\ud83d\\ude00", null, true], "b": {}}', b'"\xc3\xa9"'),
        "submission": (_SUBMISSION,),
        "trusted_root": (packaged_root(PUBLIC_GOOD),),
        "verification_summary": (_SUMMARY,),
        "verifier_key": (LOG.verifier.vkey.encode(),),
        "zip_reader": (_zip(zipfile.ZIP_STORED), _zip(zipfile.ZIP_DEFLATED), b"prefix" + _zip(0)),
    }
)  # fmt: skip
"""target to sound examples; none of them is refused"""

FOUND: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "approval_claim": (_statement(APPROVAL_PREDICATE, {"reason": "x", "expires": "0999-01-01T00:00:00Z"}),),
        "checkpoint": (b"\x80",),
        "file_list": (b"weightmark-files/v1\na b " + b"9" * 5000 + b" c\n",),
        "inspected_file": (b"c2sp.org/tlog-proof@v1\nextra bm90IGpzb24=\nindex 7\n\nx\n",),
        "project_file": (b'tool = "weightmark"\n', b"tool = 1 # weightmark\n", b"weightmark = " + b"9" * 5000),
        "settings_file": (b"jobs = " + b"9" * 5000,),
        "zip_reader": (_zip(zipfile.ZIP_STORED)[1:], _zip(zipfile.ZIP_STORED)[100:]),
    }
)  # fmt: skip
"""target to inputs that once broke it"""
