"""What honest signers and forgers do, in few words: trees, keys, statements, bundles, verdicts."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    pre_authentication_encoding,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, SignResult, sign_artifact
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, examine
from weightmark.errors import Exit, WeightmarkError

Json = dict[str, Any]

FILES = {"config.json": b"{}", "sub/weights.bin": b"weights", "tokens.txt": b"a b c"}
STATEMENT = "https://in-toto.io/Statement/v1"
OMS = "https://model_signing/signature/v1.0"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ECHO = b"cposix\nsystem\n(S'echo harmless'\ntR."
"""a legacy pickle that would run `echo harmless`"""


def key(name: str = "release", kind: str = "ecdsa-p256") -> PrivateKey:
    """Return the key called `name`, the same one each time."""
    return _keys(name, kind)


@cache
def _keys(_name: str, kind: str, /) -> PrivateKey:
    return PrivateKey.generate(kind)


def signer(name: str = "release", kind: str = "ecdsa-p256") -> KeySigner:
    return KeySigner(key(name, kind))


def make_tree(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def sign(path: Path, by: str = "release", **options: Any) -> SignResult:
    return sign_artifact(path, signer(by), SignOptions(**{"scan": False, **options}))


def signed_tree(root: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """Return a tree with `model.sig` and `model.claims` by `release`."""
    sign(make_tree(root, files))
    return root


def trust(*names: str) -> Trust:
    return Trust.in_keys([key(name).public for name in names or ("release",)])


def verify(path: Path, *by: str, digests: str = "any", **where: Any) -> VerifyReport:
    options = VerifyOptions(digests=digests)
    return examine(path, trust(*by), options=options, **where).report


def verdict(path: Path, *by: str, **how: Any) -> Exit:
    """Return the exit code that `weightmark verify` would give, and check what no report may break."""
    try:
        report = verify(path, *by, **how)
    except WeightmarkError as error:
        return error.exit
    assert (report.verified is not None) == (report.exit is Exit.GOOD)
    return report.exit


def said(report: VerifyReport) -> str:
    """Return everything that the report says against the artifact, as one text."""
    bad = [check for check in report.checks if check.outcome not in (Outcome.PASS, Outcome.INFO)]
    return "\n".join(line for check in bad for line in (check.summary, check.why, *check.details))


def noted(report: VerifyReport) -> str:
    """Return what the report notes without judging it."""
    notes = [check for check in report.checks if check.outcome is Outcome.INFO]
    return "\n".join(line for check in notes for line in (check.summary, *check.details))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def resources(files: Mapping[str, bytes] = FILES) -> list[Json]:
    return [
        {"name": name, "algorithm": "sha256", "digest": sha256(content)}
        for name, content in sorted(files.items())
    ]


def oms_statement(
    listed: Sequence[Json] | None = None,
    *,
    root: str | None = None,
    predicate_type: str = OMS,
    **serialization: Any,
) -> Json:
    """Return an OMS statement over `FILES`, or over the resources given; `root` overrides the right one."""
    listed = resources() if listed is None else list(listed)
    if root is None:
        try:
            root = sha256(b"".join(bytes.fromhex(one["digest"]) for one in listed))
        except (ValueError, KeyError, TypeError):
            root = "0" * 64
    how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, **serialization}
    return {
        "_type": STATEMENT,
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": predicate_type,
        "predicate": {"resources": listed, "serialization": how},
    }


def envelope(payload: bytes, by: str = "release", kind: str = IN_TOTO_PAYLOAD_TYPE) -> Json:
    signature = key(by).sign(pre_authentication_encoding(kind, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
    }


def bundle(statement: Json | bytes, by: str = "release", kind: str = IN_TOTO_PAYLOAD_TYPE) -> Json:
    """Sign whatever is given and wrap it as the reference does."""
    payload = statement if isinstance(statement, bytes) else json.dumps(statement).encode()
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key(by).public.hint}, "tlogEntries": []},
        "dsseEnvelope": envelope(payload, by, kind),
    }


def put(tree: Path, document: Json | bytes, name: str = "model.sig") -> Path:
    """Write a bundle under a reserved name of `tree`."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    (tree / name).write_bytes(data)
    return tree


def oms_tree(root: Path, statement: Json | bytes | None = None, by: str = "release") -> Path:
    """Return a tree of `FILES` with nothing but a `model.sig` over `statement`."""
    return put(make_tree(root), bundle(oms_statement() if statement is None else statement, by))


def read_statement(line: bytes) -> Json:
    """Return the statement that a bundle carries, without verifying anything."""
    payload: Json = json.loads(base64.b64decode(json.loads(line)["dsseEnvelope"]["payload"]))
    return payload


def predicates(claims: Path) -> list[str]:
    """Return the last two components of each claim's predicate type."""
    kinds = [read_statement(line)["predicateType"] for line in claims.read_bytes().splitlines()]
    return ["/".join(kind.split("/")[-2:]) for kind in kinds]
