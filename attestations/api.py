"""The Python API: the same words and values as the command line, without printing or exiting.

    import weightmark

    report = weightmark.verify("my-model", key="release.pub")
    assert report.verified is not None

Errors are the tree of `weightmark.errors`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from weightmark.attestations.loading.opening import MEMORY_LIMIT
from weightmark.attestations.loading.releases import decided_release, find_releases
from weightmark.attestations.loading.tensors import VerifiedTensors
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, examine
from weightmark.attestations.words import (
    SignerWords,
    TrustWords,
    paths_of,
    require_flags,
    signers_of,
    trust_of,
)
from weightmark.errors import CallError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.identification import Identification, identify

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.making.signing import SignResult
    from weightmark.attestations.recording import Recording
    from weightmark.scanners.findings import ScanReport

__all__ = ["attest", "digest", "gate", "open_verified", "record", "scan", "sign", "verify"]

AnyPath = str | Path


def digest(path: AnyPath, *, sha256: bool = False) -> Identification:
    """Identify the artifact at `path`; `.identity` is its identity, `.manifest` its files."""
    return identify(Path(path), sha256=sha256)


def scan(path: AnyPath) -> "ScanReport":
    """Scan everything at `path` without loading any of it."""
    from weightmark.scanners.tree import scan_artifact

    return scan_artifact(Path(path))


def sign(
    path: AnyPath,
    *,
    fail_on: str = "high",
    scan: bool = True,
    allow_links: bool = True,
    add: bool = False,
    replace: bool = False,
    out: AnyPath | None = None,
    oms: Serialization | None = None,
    ignore_paths: Sequence[str] = (),
    **who: Unpack[SignerWords],
) -> "SignResult":
    """Scan and sign the artifact at `path`, and write `model.sig` and `model.claims`.

    Who signs is said in the words of `SignerWords`, as `key="release.key"`; the first signer makes
    `model.sig`, and with `add` nobody does. `oms` is the form of `model.sig`, if not whole files
    with SHA-256; `ignore_paths` are left out of it.
    """
    from weightmark.attestations.making.signing import SignOptions, sign_artifact
    from weightmark.scanners.findings import Severity

    require_flags(scan=scan, allow_links=allow_links, add=add, replace=replace)
    (first, *cosigners), secrets = signers_of(who)
    options = SignOptions(
        Severity.parse(fail_on),
        scan,
        allow_links=allow_links,
        replace=replace,
        out=Path(out) if out else None,
        add=add,
        secret_files=secrets,
        oms=oms or Serialization(),
        ignore_paths=paths_of(ignore_paths),
    )
    return sign_artifact(Path(path), first, options, cosigners=cosigners)


def attest(
    path: AnyPath,
    *,
    type: str,  # noqa: A002 - the flag is called so
    predicate: dict[str, object],
    out: AnyPath | None = None,
    **who: Unpack[SignerWords],
) -> "SignResult":
    """State `predicate` of the type URI `type` about the artifact at `path`, and add the claim beside it.

    Who signs is said in the words of `SignerWords`; a claim is made by one signer.
    """
    from weightmark.attestations.making.signing import add_claim

    (first, *others), _ = signers_of(who)
    if others:
        raise CallError(
            f"a claim is made by one signer, and {1 + len(others)} are named",
            fix="state it once more for each of the others",
        )
    return add_claim(Path(path), first, type, predicate, out=Path(out) if out else None)


def record(
    *,
    step: str,
    inputs: Mapping[str, AnyPath],
    output: AnyPath | Sequence[AnyPath],
    parameters: Mapping[str, str] | None = None,
    builder: str = "",
    out: AnyPath | None = None,
    **who: Unpack[SignerWords],
) -> "Recording":
    """Record a step: a context manager that identifies `inputs` and states from what `output` was made.

        with weightmark.record(step="finetune", inputs={"base": "base"}, output="out", key="b.key") as step:
            train()
            step.parameter("lr", "2e-5")

    An error inside states nothing. Who signs is said in the words of `SignerWords`.
    """
    from weightmark.attestations.recording import Recording, StepRequest

    (first, *others), _ = signers_of(who)
    if others:
        raise CallError(
            f"a step is stated by one signer, and {1 + len(others)} are named",
            fix="state it once more with `weightmark.attest`",
        )
    outputs = [output] if isinstance(output, str | Path) else output
    request = StepRequest(
        step=step,
        inputs={name: Path(path) for name, path in inputs.items()},
        outputs=tuple(Path(one) for one in outputs),
        parameters=dict(parameters or {}),
        builder=builder,
    )
    return Recording(request, first, out=Path(out) if out else None)


def verify(
    path: AnyPath,
    *,
    signature: AnyPath | None = None,
    claims: Sequence[AnyPath] = (),
    digests: str = "any",
    ignore_paths: Sequence[str] = (),
    ignore_unsigned_files: bool = False,
    allow_legacy: bool = False,
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> VerifyReport:
    """Verify signature and content; `.verified` is set only when everything is as a trusted signer says.

    Whom to trust is said in the words of `TrustWords`, as `key="release.pub"`; raises
    `TrustNotSaidError` for nobody. What `ignore_paths` and `ignore_unsigned_files` leave out stands
    in `.verified.uncovered`. More than 50 keyless claims are verified in as many processes as
    `workers` says; the caller's main module then needs `if __name__ == "__main__":`.
    """
    require_flags(ignore_unsigned_files=ignore_unsigned_files, allow_legacy=allow_legacy)
    examination = examine(
        Path(path),
        trust_of(whom),
        options=VerifyOptions(
            digests=digests,
            ignore_paths=paths_of(ignore_paths),
            ignore_unsigned_files=ignore_unsigned_files,
            allow_legacy=allow_legacy,
        ),
        signature=Path(signature) if signature else None,
        claims=[Path(claim) for claim in claims],
        workers=workers,
    )
    return examination.report


def gate(
    path: AnyPath,
    *,
    policy: AnyPath | Policy = "baseline",
    ledger: AnyPath | None = None,
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> "Decision":
    """Decide by `policy` (a preset's name, a file, or a `Policy`); `.exit` is the verdict, `.checks` say why.

    The words of `TrustWords` fill the role `release` of a preset; `workers` is as for `verify`.
    """
    from weightmark.attestations.gate.collect import Sources
    from weightmark.attestations.gate.gate import gate as run_gate

    if not isinstance(policy, Policy):
        policy = load_policy(str(policy), artifact=Path(path))
    sources = Sources(ledger=str(ledger) if ledger else "")
    policy.require_alone(said=any(whom.values()))
    return run_gate(Path(path), policy.with_trust(trust_of(whom)), sources, workers=workers)


def open_verified(
    path: AnyPath,
    *,
    policy: AnyPath | Policy | None = None,
    ledger: AnyPath | None = None,
    file: str = "",
    framework: str = "auto",
    memory_limit: int = MEMORY_LIMIT,
    signature: AnyPath | None = None,
    claims: Sequence[AnyPath] = (),
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> VerifiedTensors:
    """Open the weights at `path`; every tensor is checked in private memory before it is handed out.

    Whom to trust is said in the words of `TrustWords`, as `key="release.pub"`. With `policy` the
    gate decides first, reading and scanning everything and consulting the `ledger`, and these words
    fill the role `release` of a preset. `file` names the weights or the index where there are several. `framework` is
    `numpy`, `torch`, `bytes`, or `auto` for the first that is installed. `memory_limit` bounds the
    bytes that are read before the first tensor where only whole files are signed; `workers` is as
    for `verify`.

    Raises `TamperedError` and other `RefusedError` for what may not be loaded, `UncheckedError`,
    `NoSignatureError`, `TrustNotSaidError` and `CallError`.
    """
    named = Path(signature) if signature else None
    stores = tuple(Path(claim) for claim in claims)
    if policy is None:
        if ledger is not None:
            raise CallError(
                "a ledger is consulted for a policy, and none is named",
                fix='say by which rules, as `policy="baseline"`',
            )
        artifact = open_artifact(path)
        releases = find_releases(
            artifact, trust_of(whom), signature=named, claims=stores, workers=workers
        )
    else:
        from weightmark.attestations.gate.collect import Sources
        from weightmark.attestations.gate.gate import gate as run_gate

        if not isinstance(policy, Policy):
            policy = load_policy(str(policy), artifact=Path(path))
        sources = Sources(named, stores, str(ledger) if ledger else "")
        policy.require_alone(said=any(whom.values()))
        decision = run_gate(Path(path), policy.with_trust(trust_of(whom)), sources, workers=workers)
        artifact = open_artifact(path)
        releases = decided_release(artifact, decision, stores, workers=workers)
    return VerifiedTensors.open(
        artifact, releases, file=file, framework=framework, memory_limit=memory_limit
    )
