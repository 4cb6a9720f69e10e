"""`weightmark.pull`: the Python API of pulling, in the words of the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.locking.lock_file import LockFile
from weightmark.attestations.outside import require_outside
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.pull import Pulled, PullPlan
from weightmark.attestations.pulling.pull import pull as run_pull
from weightmark.attestations.pulling.quarantine import require_room
from weightmark.attestations.words import TrustWords, path_of, paths_of, require_flags, trust_of
from weightmark.errors import CallError
from weightmark.provenance.sources.choice import asked_with, open_source

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

    Raises `TypeError` for a value of another type, `PromiseBrokenError` for other bytes than the source or the lock promised, whatever the policy
    says; `CallError` for an address that is none and a destination that is not free; `NetworkError`.
    """
    require_flags(offline=offline)
    destination = _checked(uri, to)
    require_room(destination.absolute())
    for what, place in (("the history", history), ("the lock file", lock), ("the ledger", ledger)):
        if place and "://" not in str(place):
            require_outside(destination, path_of(place), what)
    if not isinstance(policy, Policy):
        path_of(policy)
        policy = load_policy(*paths_of(policy), artifact=destination, environment=env)
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
        destination,
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
    address = asked_with(uri, locked.pinned) if locked else uri
    with open_source(address, offline=offline) as source:
        snapshot = source.resolve()
        pulled = run_pull(source, snapshot, plan)
    if pulled.placed and remembered:
        remembered.remember(plan.to, pulled.delivery.manifest.identity, snapshot.pinned)
    return pulled


def _checked(uri: object, to: AnyPath) -> Path:
    """Return the destination; raises `TypeError`, and `CallError` for one without a name."""
    if not isinstance(uri, str):
        raise TypeError(f"`uri` is one `str`, and not `{type(uri).__name__}`")
    destination = path_of(to)
    if not str(to):
        raise CallError("`to` is empty", fix="name the folder that is made of it")
    return destination
