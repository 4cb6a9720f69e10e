"""The Python API: the same words and values as the command line, without printing or exiting.

    import weightmark

    report = weightmark.verify("my-model", key="release.pub")
    assert report.verified is not None

Errors are the tree of `weightmark.errors`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from weightmark.attestations.loading.opening import MEMORY_LIMIT
from weightmark.attestations.loading.releases import decided_release, find_releases
from weightmark.attestations.loading.tensors import VerifiedTensors
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.oms import Serialization
from weightmark.attestations.verifying.verification import VerifyOptions, VerifyReport, examine
from weightmark.attestations.words import (
    SignerWords,
    TrustWords,
    path_of,
    paths_of,
    require_flags,
    signers_of,
    trust_of,
)
from weightmark.errors import CallError, TrustNotSaidError
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
    return identify(path_of(path), sha256=sha256)


def scan(path: AnyPath) -> "ScanReport":
    """Scan everything at `path` without loading any of it."""
    from weightmark.scanners.tree import scan_artifact

    return scan_artifact(path_of(path))


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
    ignore_paths: str | Sequence[str] = (),
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
        out=path_of(out) if out else None,
        add=add,
        secret_files=secrets,
        oms=oms or Serialization(),
        ignore_paths=paths_of(ignore_paths),
    )
    return sign_artifact(path_of(path), first, options, cosigners=cosigners)


def attest(
    path: AnyPath,
    *,
    type: str,  # noqa: A002 - the flag is called so
    predicate: dict[str, object] | None = None,
    reason: str = "",
    expires: datetime | None = None,
    out: AnyPath | None = None,
    **who: Unpack[SignerWords],
) -> "SignResult":
    """State `predicate` about the artifact at `path`, and add the claim beside it.

    `type` is a short name as `test-result`, or a predicate type URI; the content has to fit it. An
    approval takes `reason` and `expires` (aware) instead of `predicate`. Who signs is said in the words of `SignerWords`; a claim is made by one signer.
    """
    from weightmark.attestations.making.signing import add_claim
    from weightmark.attestations.predicates.stating import stated

    saying = stated(type, predicate, reason=reason, expires=expires)
    (first, *others), _ = signers_of(who)
    if others:
        raise CallError(
            f"a claim is made by one signer, and {1 + len(others)} are named",
            fix="state it once more for each of the others",
        )
    place = path_of(out) if out else None
    return add_claim(path_of(path), first, saying.uri, saying.predicate, out=place)


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
    request = StepRequest(
        step=step,
        inputs={name: path_of(path) for name, path in inputs.items()},
        outputs=tuple(Path(one) for one in paths_of(output)),
        parameters=dict(parameters or {}),
        builder=builder,
    )
    return Recording(request, first, out=path_of(out) if out else None)


def verify(
    path: AnyPath,
    *,
    signature: AnyPath | None = None,
    claims: AnyPath | Sequence[AnyPath] = (),
    digests: str = "any",
    ignore_paths: str | Sequence[str] = (),
    ignore_unsigned_files: bool = False,
    allow_legacy: bool = False,
    ledger: AnyPath | None = None,
    witness_policy: AnyPath | None = None,
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> VerifyReport:
    """Verify signature and content; `.verified` is set only when everything is as a trusted signer says.

    Whom to trust is said in the words of `TrustWords`, as `key="release.pub"`; raises
    `TrustNotSaidError` for nobody. What `ignore_paths` and `ignore_unsigned_files` leave out stands
    in `.verified.uncovered`. The revocations of `ledger` bind, and with `witness_policy` the quorum of
    that tlog-policy file must have seen it. More than 50 keyless claims are verified in as many processes as
    `workers` says; the caller's main module then needs `if __name__ == "__main__":`.
    """
    require_flags(ignore_unsigned_files=ignore_unsigned_files, allow_legacy=allow_legacy)
    consultation = None
    if ledger is not None or witness_policy is not None:
        from weightmark.attestations.ledger.consulting import consulted

        consultation = consulted(path_of(path), ledger, witness_policy)
    trust = trust_of(whom)
    try:
        examination = examine(
            path_of(path),
            consultation.bind(trust) if consultation else trust,
            options=VerifyOptions(
                digests=digests,
                ignore_paths=paths_of(ignore_paths),
                ignore_unsigned_files=ignore_unsigned_files,
                allow_legacy=allow_legacy,
                with_sha256=consultation is not None and consultation.names_files,
            ),
            signature=path_of(signature) if signature else None,
            claims=[Path(claim) for claim in paths_of(claims)],
            workers=workers,
        )
    except TrustNotSaidError as error:
        error.fix += "; from Python, with `key=` and the like"
        raise
    if consultation:
        examination = consultation.judge(str(ledger), examination)
    return examination.report


def gate(
    path: AnyPath,
    policy: AnyPath | Policy = "baseline",
    *,
    env: str = "",
    policy_key: AnyPath | None = None,
    policy_digest: str = "",
    mode: str = "",
    ledger: AnyPath | None = None,
    signature: AnyPath | None = None,
    claims: AnyPath | Sequence[AnyPath] = (),
    ancestors: AnyPath | Sequence[AnyPath] = (),
    now: datetime | None = None,
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> "Decision":
    """Decide by `policy` (a preset's name, a file, or a `Policy`); `.exit` is the verdict, `.checks` say why.

    `path` may be an identity, `wm1:<hex>`: then only an earlier decision answers, where `[vsa]` of the
    policy takes one. `env` is the environment of a policy file; `policy_key` must have signed that
    file, as with `--policy-key`, and `policy_digest` is the SHA-256 of its text. `mode` (`enforce` or `warn`) is what a
    refusal does if not as the policy says, `now` (aware) when ages and ends are judged. `ancestors` on disk give their claims, and weights that contradict the chain deny. The words
    of `TrustWords` fill the role `release` of a preset; `workers` is as for `verify`. Safe for several
    threads.
    """
    from weightmark.attestations.gate.gate import gate as run_gate
    from weightmark.attestations.gate.gate import is_identity
    from weightmark.attestations.gate.sources import Sources

    if not isinstance(policy, Policy):
        policy = _pinned(path_of(path), policy, env, policy_key, policy_digest)
    elif policy_key or policy_digest:
        raise _unpinnable()
    elif env and env != policy.environment:
        raise CallError(
            f"the policy was loaded for another environment than `{env}`",
            fix="load it with `environment`, or leave `env` out",
        )
    sources = Sources(
        signature=path_of(signature) if signature else None,
        claims=tuple(Path(claim) for claim in paths_of(claims)),
        ledger="".join(paths_of(ledger or ())),
        ancestors=tuple(Path(one) for one in paths_of(ancestors)),
    )
    policy.require_alone(said=any(whom.values()))
    artifact = path if isinstance(path, str) and is_identity(path) else path_of(path)
    policy = policy.with_trust(trust_of(whom))
    if mode:
        policy = policy.with_mode(_mode(mode))
    return run_gate(artifact, policy, sources, now=now, workers=workers, earlier=True)


def _pinned(artifact: Path, said: AnyPath, env: str, key: AnyPath | None, digest: str) -> Policy:
    """Load the policy that `said` names, if it is the one that is meant; raises as `PolicyPin.require`."""
    from weightmark.attestations.policy.pin import PolicyPin

    (word,) = paths_of(said)
    policy = load_policy(word, artifact=artifact, environment=env)
    pin = PolicyPin(key=str(path_of(key)) if key else None, digest=digest or None)
    pin.require(str(artifact), word, policy)
    return policy


def _unpinnable() -> CallError:
    return CallError(
        "a policy is pinned that was loaded already",
        why="of a policy as a value nobody can tell which file it was",
        fix="name its file instead, or leave `policy_key` and `policy_digest` out",
    )


def _mode(word: str) -> Mode:
    if word not in [one.value for one in Mode]:
        raise CallError(f"`{word[:40]}` is no mode of the gate", fix="use `enforce` or `warn`")
    return Mode(word)


def open_verified(
    path: AnyPath,
    *,
    policy: AnyPath | Policy | None = None,
    policy_key: AnyPath | None = None,
    policy_digest: str = "",
    ledger: AnyPath | None = None,
    file: str = "",
    framework: str = "auto",
    memory_limit: int = MEMORY_LIMIT,
    signature: AnyPath | None = None,
    claims: AnyPath | Sequence[AnyPath] = (),
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> VerifiedTensors:
    """Open the weights at `path`; every tensor is checked in private memory before it is handed out.

    Without `policy` only the weights are verified, and what is needed to find them: another file that
    was tampered with does not keep them from being opened, `verify` tells. Whom to trust is said in
    the words of `TrustWords`, as `key="release.pub"`. With `policy` the gate decides first, reading and scanning everything and consulting the `ledger`, and these words
    fill the role `release` of a preset; `policy_key` and `policy_digest` are as for `gate`. `file` names the weights or the index where there are several. `framework` is
    `numpy`, `torch`, `bytes`, or `auto` for the first that is installed. `memory_limit` bounds the
    bytes that are read before the first tensor where only whole files are signed; `workers` is as
    for `verify`.

    Raises `TamperedError` and other `RefusedError` for what may not be loaded, `UncheckedError`,
    `NoSignatureError`, `TrustNotSaidError` and `CallError`.
    """
    named = path_of(signature) if signature else None
    stores = tuple(Path(claim) for claim in paths_of(claims))
    if (policy_key or policy_digest) and (policy is None or isinstance(policy, Policy)):
        raise _unpinnable()
    if policy is None:
        if ledger is not None:
            raise CallError(
                "a ledger is consulted for a policy, and none is named",
                fix='say by which rules, as `policy="baseline"`',
            )
        artifact = open_artifact(path_of(path))
        releases = find_releases(
            artifact, trust_of(whom), signature=named, claims=stores, workers=workers
        )
    else:
        from weightmark.attestations.gate.gate import gate as run_gate
        from weightmark.attestations.gate.sources import Sources

        if not isinstance(policy, Policy):
            policy = _pinned(path_of(path), policy, "", policy_key, policy_digest)
        sources = Sources(named, stores, "".join(paths_of(ledger or ())))
        policy.require_alone(said=any(whom.values()))
        decision = run_gate(
            path_of(path), policy.with_trust(trust_of(whom)), sources, workers=workers
        )
        artifact = open_artifact(path_of(path))
        releases = decided_release(artifact, decision, stores, workers=workers)
    return VerifiedTensors.open(
        artifact, releases, file=file, framework=framework, memory_limit=memory_limit
    )
