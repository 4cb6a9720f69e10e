"""The Python API: the same words and values as the command line, without printing or exiting.

    import weightmark

    report = weightmark.verify("my-model", key="release.pub")
    assert report.verified is not None

Errors are the tree of `weightmark.errors`.
"""

from collections.abc import Sequence
from pathlib import Path

from weightmark.attestations.gate.collect import Sources
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate as run_gate
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.signers.local_key import LocalKeySigner
from weightmark.attestations.signing import SignOptions, SignResult, add_claim, sign_artifact
from weightmark.attestations.trust import Trust
from weightmark.attestations.verification import VerifyOptions, VerifyReport, examine
from weightmark.provenance.identification import Identification, identify
from weightmark.scanners.findings import ScanReport, Severity
from weightmark.scanners.tree import scan_artifact

__all__ = ["attest", "digest", "gate", "scan", "sign", "verify"]

AnyPath = str | Path
AnyKey = str | Path | PublicKey


def digest(path: AnyPath, *, sha256: bool = False) -> Identification:
    """Identify the artifact at `path`; `.identity` is its identity, `.manifest` its files."""
    return identify(Path(path), sha256=sha256)


def scan(path: AnyPath) -> ScanReport:
    """Scan everything at `path` without loading any of it."""
    return scan_artifact(Path(path))


def sign(
    path: AnyPath,
    *,
    key: AnyPath | PrivateKey,
    passphrase: bytes | None = None,
    fail_on: str = "high",
    scan: bool = True,
    replace: bool = False,
    out: AnyPath | None = None,
) -> SignResult:
    """Scan and sign the artifact at `path` with a private key, and write `model.sig` and `model.claims`."""
    options = SignOptions(
        Severity.parse(fail_on),
        scan,
        replace=replace,
        out=Path(out) if out else None,
        key_file=None if isinstance(key, PrivateKey) else Path(key),
    )
    return sign_artifact(Path(path), _signer(key, passphrase), options)


def attest(
    path: AnyPath,
    *,
    key: AnyPath | PrivateKey,
    type: str,  # noqa: A002 - the flag is called so
    predicate: dict[str, object],
    passphrase: bytes | None = None,
) -> SignResult:
    """State `predicate` of the type URI `type` about the artifact at `path`, and add the claim beside it."""
    return add_claim(Path(path), _signer(key, passphrase), type, predicate)


def verify(
    path: AnyPath,
    *,
    key: AnyKey | Sequence[AnyKey],
    signature: AnyPath | None = None,
    claims: Sequence[AnyPath] = (),
    digests: str = "any",
) -> VerifyReport:
    """Verify signature and content; `.verified` is set only when everything is as a trusted signer says."""
    trust = Trust.in_keys(_public_keys(key))
    examination = examine(
        Path(path),
        trust,
        options=VerifyOptions(digests=digests),
        signature=Path(signature) if signature else None,
        claims=[Path(claim) for claim in claims],
    )
    return examination.report


def gate(
    path: AnyPath,
    *,
    policy: AnyPath | Policy = "baseline",
    key: AnyKey | Sequence[AnyKey] = (),
    ledger: AnyPath | None = None,
) -> Decision:
    """Decide by `policy` (a preset's name, a file, or a `Policy`); `.exit` is the verdict, `.checks` say why.

    `key` fills the role `release` of the policy.
    """
    if not isinstance(policy, Policy):
        policy = load_policy(str(policy), artifact=Path(path))
    sources = Sources(ledger=str(ledger) if ledger else "")
    return run_gate(Path(path), policy.with_keys(_public_keys(key)), sources)


def _public_keys(keys: AnyKey | Sequence[AnyKey]) -> list[PublicKey]:
    listed: Sequence[AnyKey] = [keys] if isinstance(keys, (str, Path, PublicKey)) else keys
    return [key if isinstance(key, PublicKey) else PublicKey.load(key) for key in listed]


def _signer(key: AnyPath | PrivateKey, passphrase: bytes | None) -> LocalKeySigner:
    if isinstance(key, PrivateKey):
        return LocalKeySigner(key)
    return LocalKeySigner(PrivateKey.load(key, lambda _path: passphrase))
