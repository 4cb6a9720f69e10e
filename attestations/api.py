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
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.signing import SignOptions, SignResult, add_claim, sign_artifact
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.selection import TrustChoice
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
    oms: Serialization | None = None,
    ignore_paths: Sequence[str] = (),
) -> SignResult:
    """Scan and sign the artifact at `path` with a private key, and write `model.sig` and `model.claims`.

    `oms` is the form of `model.sig`, if not whole files with SHA-256; `ignore_paths` are left out of it.
    """
    options = SignOptions(
        Severity.parse(fail_on),
        scan,
        replace=replace,
        out=Path(out) if out else None,
        key_file=None if isinstance(key, PrivateKey) else Path(key),
        oms=oms or Serialization(),
        ignore_paths=tuple(ignore_paths),
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
    key: AnyKey | Sequence[AnyKey] = (),
    identity: str = "",
    issuer: str = "",
    trust: Trust | AnyPath | None = None,
    signature: AnyPath | None = None,
    claims: Sequence[AnyPath] = (),
    digests: str = "any",
    ignore_paths: Sequence[str] = (),
    ignore_unsigned_files: bool = False,
    allow_legacy: bool = False,
) -> VerifyReport:
    """Verify signature and content; `.verified` is set only when everything is as a trusted signer says.

    Trust a public `key`, or an `identity` exactly as its `issuer` knows it, or `trust`: a trust file
    or a `Trust`; raises `TrustNotSaidError` for none of them. What `ignore_paths` and `ignore_unsigned_files` leave out stands in `.verified.uncovered`.
    """
    examination = examine(
        Path(path),
        _believed(key, identity, issuer, trust),
        options=VerifyOptions(
            digests=digests,
            ignore_paths=tuple(ignore_paths),
            ignore_unsigned_files=ignore_unsigned_files,
            allow_legacy=allow_legacy,
        ),
        signature=Path(signature) if signature else None,
        claims=[Path(claim) for claim in claims],
    )
    return examination.report


def gate(
    path: AnyPath,
    *,
    policy: AnyPath | Policy = "baseline",
    key: AnyKey | Sequence[AnyKey] = (),
    identity: str = "",
    issuer: str = "",
    trust: Trust | AnyPath | None = None,
    ledger: AnyPath | None = None,
) -> Decision:
    """Decide by `policy` (a preset's name, a file, or a `Policy`); `.exit` is the verdict, `.checks` say why.

    `key`, `identity` with `issuer`, or `trust` fill the role `release` of a preset.
    """
    if not isinstance(policy, Policy):
        policy = load_policy(str(policy), artifact=Path(path))
    sources = Sources(ledger=str(ledger) if ledger else "")
    return run_gate(Path(path), policy.with_trust(_believed(key, identity, issuer, trust)), sources)


def _believed(
    keys: AnyKey | Sequence[AnyKey], identity: str, issuer: str, trust: Trust | AnyPath | None
) -> Trust | None:
    listed: Sequence[AnyKey] = [keys] if isinstance(keys, (str, Path, PublicKey)) else keys
    whole = trust if isinstance(trust, Trust) else None
    files = () if trust is None or whole else (str(Path(str(trust)).absolute()),)
    said = TrustChoice(
        keys=tuple(listed),
        identities=(identity,) if identity else (),
        issuer=issuer,
        trust=files,
    ).load(Path())
    if whole is None or said is None:
        return whole or said
    return Trust((*whole.anchors, *said.anchors))


def _signer(key: AnyPath | PrivateKey, passphrase: bytes | None) -> KeySigner:
    if isinstance(key, PrivateKey):
        return KeySigner(key)
    return KeySigner(PrivateKey.load(key, lambda _path: passphrase))
