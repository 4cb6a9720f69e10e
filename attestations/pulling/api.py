"""`weightmark.pull`: the Python API of pulling, in the words of the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from weightmark.attestations.gate.collect import Sources
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.locking import LockFile
from weightmark.attestations.pulling.pull import Pulled, PullPlan
from weightmark.attestations.pulling.pull import pull as run_pull
from weightmark.attestations.words import TrustWords, path_of, paths_of, require_flags, trust_of
from weightmark.errors import CallError
from weightmark.provenance.sources.choice import open_source

__all__ = ["pull"]

AnyPath = str | Path


def pull(
    uri: str,
    *,
    to: AnyPath,
    policy: AnyPath | Policy = "baseline",
    env: str = "",
    lock: AnyPath | None = None,
    history: AnyPath | None = None,
    ledger: AnyPath | None = None,
    signature: AnyPath | None = None,
    claims: AnyPath | Sequence[AnyPath] = (),
    offline: bool = False,
    workers: int = 1,
    **whom: Unpack[TrustWords],
) -> Pulled:
    """Fetch what `uri` stands for into quarantine, judge it there, and place it at `to` if `policy` allows.

        pulled = weightmark.pull("hf://acme/bert@main", to="bert", policy="baseline", key="acme.pub")
        assert pulled.placed

    `.decision` says why; nothing is raised for a refusal, and then nothing lies at `to`. With `lock`, a
    lock file, exactly what it pins is fetched, or nothing. With `history`, a folder in which pulls are
    remembered, what an earlier pull placed at `to` is replaced. Whom to trust is said in the words of
    `TrustWords`, which fill the role `release` of a preset; `workers` is as for `verify`.

    Raises `PromiseBrokenError` for other bytes than the source or the lock promised, whatever the policy
    says; `CallError` for an address that is none and a destination that is not free; `NetworkError`.
    """
    require_flags(offline=offline)
    if not isinstance(policy, Policy):
        policy = load_policy(*paths_of(policy), artifact=path_of(to), environment=env)
    elif env and env != policy.environment:
        raise CallError(
            f"the policy was loaded for another environment than `{env}`",
            fix="load it with `environment`, or leave `env` out",
        )
    policy.require_alone(said=any(whom.values()))
    policy = policy.with_trust(trust_of(whom))
    locked = LockFile.load(path_of(lock)).find(uri) if lock else None
    remembered = History(path_of(history)) if history else None
    plan = PullPlan(
        path_of(to),
        policy,
        Sources(
            signature=path_of(signature) if signature else None,
            claims=tuple(Path(claim) for claim in paths_of(claims)),
            ledger="".join(paths_of(ledger or ())),
        ),
        locked,
        remembered,
        workers,
    )
    with open_source(locked.pinned if locked else uri, offline=offline) as source:
        snapshot = source.resolve()
        pulled = run_pull(source, snapshot, plan)
    if pulled.placed and remembered:
        remembered.remember(plan.to, pulled.delivery.manifest.identity, snapshot.pinned)
    return pulled
