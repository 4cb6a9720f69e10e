"""Releases: what trusted signers say that the files at hand are, before any of them is read."""

import shlex
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check, Outcome, exit_of
from weightmark.attestations.predicates.tensors import (
    TENSORS_PREDICATE,
    FileTable,
    TensorsClaim,
)
from weightmark.attestations.trust import Trust, VerifiedBundle
from weightmark.attestations.trust.claimed import trust_not_said
from weightmark.attestations.verifying.belief import Belief, BelievedManifest, weigh_evidence
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.attestations.verifying.verification import VerifiedManifest, examine
from weightmark.errors import (
    Exit,
    NoSignatureError,
    NothingCheckedError,
    RefusedError,
    TamperedError,
    UncheckedError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.manifest import Row
from weightmark.provenance.names import escape_path
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision

__all__ = ["Release", "Releases", "decided_release", "find_releases", "refusal"]

_SEAL = object()


@dataclass(frozen=True)
class Release:
    """The files of one identity as trusted signers list them, and their tensors where they list those.

    Only this module makes one, from verified claims.
    """

    identity: str
    """`wm1:…`"""
    signers: tuple[str, ...]
    """who lists the files"""
    rows: Mapping[str, Row]
    """size and BLAKE3 of each file, by its path"""
    tables: Mapping[str, FileTable]
    """the tensors of each file that has a table, by its path"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Release is made from verified claims only")


class Releases:
    """The releases of which everything that was handed out so far is part; safe for several threads.

    Two releases may have files of the same names and sizes. Each check leaves only those that it
    fits, so that nobody gets tensors of one release beside tensors of another.
    """

    def __init__(self, releases: Iterable[Release]) -> None:
        """Begin with every release that it may be, the newest last."""
        self._left = tuple(releases)
        self._lock = threading.Lock()

    @property
    def newest(self) -> Release:
        """The newest that is left."""
        return self._left[-1]

    def keep(self, fits: Callable[[Release], bool]) -> bool:
        """Keep the releases that `fits` accepts, and tell whether there are any; else change nothing."""
        with self._lock:
            left = tuple(release for release in self._left if fits(release))
            self._left = left or self._left
            return bool(left)


def find_releases(
    artifact: Artifact,
    trust: Trust | None,
    *,
    signature: Path | None = None,
    claims: Sequence[Path] = (),
    workers: int = 1,
) -> Releases:
    """Return the releases that the files of `artifact` may be, by their names and sizes.

    Where no manifest claim of a trusted signer can be taken at its word, every file is read and
    verified. Raises `NoSignatureError`, `TrustNotSaidError`, `RefusedError` for what `verify` calls
    bad, and `UncheckedError`.
    """
    artifact.require_identifiable().require_portable()
    evidence = collect_evidence(artifact, signature=signature, claims=claims)
    if not evidence.found_any:
        raise _no_signature(artifact)
    if trust is None:
        raise trust_not_said(evidence.bundles)
    belief = weigh_evidence(evidence, trust, workers=workers)
    for check in (*evidence.checks, *belief.checks):
        if check.outcome in (Outcome.FAIL, Outcome.UNCHECKED):
            raise refusal([check])
    usable = [one for one in belief.manifests if _stands_alone(belief, one)]
    if not usable:
        report = examine(
            artifact.path, trust, signature=signature, claims=claims, workers=workers
        ).report
        if report.verified is None:
            raise refusal(report.checks)
        return Releases([_verified_release(report.verified, belief.others)])
    return Releases(_releases(artifact, usable, belief))


def decided_release(
    artifact: Artifact, decision: "Decision", claims: Sequence[Path], *, workers: int = 1
) -> Releases:
    """Return the release that a policy let through; raises as the decision says when it did not.

    Raises `UncheckedError` for a decision that rests on no signature over the files.
    """
    if not decision.allows:
        raise refusal(decision.checks, by=decision.policy.name)
    verified, trust = decision.evidence.verified, decision.policy.trust
    if verified is None or trust is None:
        raise UncheckedError(
            f"policy `{decision.policy.name}` lets it through without a signature over its files",
            why="without signed digests nobody can tell what is loaded from what was judged",
            fix="use a policy that demands a release signature",
        )
    belief = weigh_evidence(collect_evidence(artifact, claims=claims), trust, workers=workers)
    return Releases([_verified_release(verified, belief.others)])


def refusal(checks: Iterable[Check], *, by: str = "") -> WeightmarkError:
    """Return the error that says why checks let nothing through; `by` is the policy that demands them."""
    listed = tuple(checks)
    classes: dict[Exit, tuple[type[WeightmarkError], Outcome]] = {
        Exit.BAD: (RefusedError, Outcome.FAIL),
        Exit.UNCHECKED: (UncheckedError, Outcome.UNCHECKED),
    }
    kind, outcome = classes.get(exit_of(listed), (NothingCheckedError, Outcome.NOTHING))
    named = f"refused by policy `{by}`: " if by else "not loaded: "
    for check in listed:
        if check.outcome is outcome:
            details = "; ".join(check.details[:3])
            return kind(named + check.summary, why=check.why or details, fix=check.fix)
    return kind(f"{named}nothing shows that it is good")


def _stands_alone(belief: Belief, manifest: BelievedManifest) -> bool:
    """Tell whether the claim may be believed without asking `model.sig`, which it must not contradict."""
    return belief.signature is None or belief.stands_in(manifest)


def _releases(
    artifact: Artifact, manifests: Sequence[BelievedManifest], belief: Belief
) -> list[Release]:
    sizes = {entry.path: entry.size for entry in artifact.entries}
    signers: dict[str, list[str]] = {}
    found: dict[str, BelievedManifest] = {}
    for one in manifests:
        rows = one.claim.manifest.rows
        if {row.path: row.size for row in rows} == sizes:
            found[one.claim.manifest.identity] = one
            signers.setdefault(one.claim.manifest.identity, []).append(one.verified.signer.name)
    if not found:
        raise _other_files(sizes, manifests[-1])
    return [
        Release(
            identity,
            tuple(dict.fromkeys(signers[identity])),
            {row.path: row for row in one.claim.manifest.rows},
            _tables(identity, {row.path: row for row in one.claim.manifest.rows}, belief.others),
            _SEAL,
        )
        for identity, one in found.items()
    ]


def _verified_release(verified: VerifiedManifest, others: Sequence[VerifiedBundle]) -> Release:
    left_out = set(verified.uncovered)
    rows = {row.path: row for row in verified.manifest.rows if row.path not in left_out}
    identity = verified.manifest.identity
    return Release(identity, verified.signers, rows, _tables(identity, rows, others), _SEAL)


def _tables(
    identity: str, rows: Mapping[str, Row], others: Sequence[VerifiedBundle]
) -> dict[str, FileTable]:
    """Return the tables that trusted signers made for this identity; raises `MalformedError`, `TamperedError`."""
    tables: dict[str, FileTable] = {}
    for bundle in others:
        statement = bundle.statement
        if statement.predicate_type != TENSORS_PREDICATE:
            continue
        if [subject.identity for subject in statement.subjects] != [identity]:
            continue
        for table in TensorsClaim.from_statement(statement).files:
            row = rows.get(table.path)
            if row is None or row.size != table.size or tables.get(table.path, table) != table:
                raise TamperedError(
                    f"the tensor table of `{escape_path(table.path)}` is about another file than is signed",
                    why=f"it was signed by {bundle.signer.name} for {identity}",
                    fix="ask the publisher to sign again",
                )
            tables[table.path] = table
    return tables


def _other_files(sizes: Mapping[str, int], newest: BelievedManifest) -> TamperedError:
    signed = {row.path: row.size for row in newest.claim.manifest.rows}
    path = next(path for path in sorted({*sizes, *signed}) if sizes.get(path) != signed.get(path))
    reason = "was added" if path not in signed else "is missing"
    if path in signed and path in sizes:
        reason = f"has {sizes[path]} bytes instead of {signed[path]}"
    return TamperedError(
        f"`{escape_path(path)}` {reason}",
        why=f"{newest.verified.signer.name} signed other files",
        fix="see `weightmark verify` for every difference, and get the artifact again",
    )


def _no_signature(artifact: Artifact) -> NoSignatureError:
    sign = f"`weightmark sign {shlex.quote(str(artifact.path))} --key KEY`"
    return NoSignatureError(
        f"no signature found for `{artifact.path}`",
        why=f"looked for `{artifact.sidecars.signature}` and `{artifact.sidecars.claims}`",
        fix=f"ask the publisher for the signature; if the artifact is yours, sign it with {sign}",
    )
