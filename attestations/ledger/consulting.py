"""Asking a ledger whether something was revoked: the artifact, what it holds, what it descends from, its signers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.ledger.descent import Ancestry, ancestors_of
from weightmark.attestations.ledger.disowned import Disowned
from weightmark.attestations.ledger.revocations import Revocation, Revocations
from weightmark.attestations.ledger.steps import (
    digest_of,
    materials_of,
    names_alone,
    unfollowed_in,
)
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.attestations.ledger.succession import not_carried
from weightmark.attestations.ledger.witnessed import (
    MAX_WITNESS_AGE,
    load_witness_policy,
    witness_check,
)
from weightmark.attestations.outside import require_outside
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.belief import Belief
from weightmark.attestations.verifying.verification import Examination
from weightmark.errors import CallError, LedgerNotLiveError, WeightmarkError
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.provenance.reading.results import Reading
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy

__all__ = ["Consultation", "consult", "consulted", "open_place", "revoked_content"]


@dataclass(frozen=True, slots=True)
class Consultation:
    """What a ledger says of revocations, or why it could not say it."""

    revocations: Revocations | None
    """those in force, as far as this copy knows; None when they could not be read"""
    problem: Check | None
    """why the ledger could not be consulted to the end"""
    witnesses: Check | None = None
    """whether the quorum that was asked for saw it; None when it could not be consulted"""

    @property
    def names_files(self) -> bool:
        """Whether a revocation in force may name a file, so that the SHA-256 of every file must be known."""
        return self.revocations is not None and _names_files(self.revocations)

    def bind(self, trust: Trust | None) -> Trust | None:
        """Return the same trust, for which nothing counts that the ledger revokes."""
        if trust is None or self.revocations is None:
            return trust
        return self.revocations.bind(trust)

    def judge(self, place: str, examination: Examination) -> Examination:
        """Return an examination that was made by the bound trust, with what the ledger says of the content."""
        report, belief = examination.report, examination.belief
        said: list[Check | None] = [self.problem]
        if self.revocations is not None:
            found = self.revocations
            content = revoked_content(place, found, report.identity, belief, examination.reading)
            said.insert(0, content)
        elif self.problem is None:
            said.append(Check("ledger", Outcome.UNCHECKED, "could not be consulted"))
        checks = tuple(one for one in (*said, self.witnesses) if one)
        good = all(one.outcome in {Outcome.PASS, Outcome.INFO} for one in checks)
        verified = report.verified if good else None
        judged = replace(report, checks=(*report.checks, *checks), verified=verified)
        return replace(examination, report=judged)


def consult(
    place: str,
    witnesses: "TlogPolicy | None" = None,
    *,
    max_age: timedelta = MAX_WITNESS_AGE,
) -> Consultation:
    """Read the revocations of the ledger at `place`; raises `CallError` when there is none.

    The quorum of `witnesses` must have seen it, no longer ago than `max_age`; what it saw in time is spared by a revocation with a
    date. Without them nobody can tell that the operator did not rewrite it, and the answer says so.
    """
    try:
        with open_place(place) as ledger:
            complete = ledger.can_be_read_whole()
            found = Revocations.read(ledger, complete=complete, witnesses=witnesses)
            seen = witness_check(ledger, witnesses, ledger.now(), max_age=max_age)
            return Consultation(found, _forgotten(ledger, complete=complete), seen)
    except CallError:
        raise
    except WeightmarkError as error:
        return Consultation(None, Check.from_error("ledger", error))


def consulted(
    artifact: Path,
    place: str | Path | None,
    witness_policy: str | Path | None = None,
    *,
    max_age: timedelta = MAX_WITNESS_AGE,
) -> Consultation | None:
    """Consult a ledger for whoever judges `artifact`; None when none is named.

    Raises `CallError` for a ledger or a policy inside the artifact, which would judge itself, for one
    that is missing, and for a policy without a ledger; `PolicyError` for one that is none.
    """
    if place is None:
        if witness_policy is not None:
            raise CallError(
                "a witness policy is about a ledger, and none is named",
                fix="name it with `--ledger PLACE`",
            )
        return None
    for path, what in ((place, "the ledger"), (witness_policy, "the witness policy")):
        if path is not None and "://" not in str(path):
            require_outside(artifact, Path(path), what)
    rules = None if witness_policy is None else load_witness_policy(Path(witness_policy))
    return consult(str(place), rules, max_age=max_age)


def open_place(place: str) -> Ledger:
    """Open a ledger to consult it; raises what `Ledger.open` raises."""
    return Ledger.open(place if "://" in place else Path(place))


def revoked_content(
    place: str,
    revocations: Revocations,
    identity: str,
    belief: Belief | None,
    reading: Reading[Any] | None = None,
    *,
    stated: Sequence[Statement] = (),
) -> Check:
    """Say whether an artifact, a file in it, or anything that it descends from was revoked.

    Of `reading` or `belief` come the SHA-256 of its files, of `belief` what claims beside it say went
    in, and of `stated` what others who are trusted say of that. What cannot be followed to the end is a check that is not made, and neither is one without an
    `identity`, as the content was not read then, or one of files whose SHA-256 nobody knows.
    """
    if not identity:
        return Check(
            "revocation", Outcome.UNCHECKED, "the content was not read, so nobody looked for it"
        )
    known = _files(identity, belief, reading)
    files = known or frozenset()
    names = _names_alone(identity, belief, reading)
    held = {**dict.fromkeys((*names, *files), "a file of the artifact"), identity: "the artifact"}
    first = _first(revocations, held)
    if first:
        return _refusal(*first)
    try:
        went_in = _Stated.of(identity, belief, stated)
        with open_place(place) as ledger:
            whole = [identity, *names, *files] if known is not None else []
            above = _ancestors(ledger, revocations, [identity, *went_in.materials], whole)
            first = _first(revocations, _inherited(above, went_in))
            if first:
                again = _ancestors(
                    ledger, revocations, [identity, *went_in.materials], whole, believed=True
                )
                sure = _first(revocations, _inherited(again, went_in))
                return _refusal(*sure) if sure else _doubtful(*first)
    except WeightmarkError as error:
        return Check.from_error("revocation", error)
    if known is None and _names_files(revocations) and not above.problem:
        return _files_unknown()
    return _not_revoked(revocations, above, went_in.unfollowed)


def _not_revoked(revocations: Revocations, above: Ancestry, unfollowed: int) -> Check:
    """Say that nothing was found, and how far it was looked for."""
    if above.problem:
        return Check.from_error("revocation", above.problem)
    how = "" if revocations.complete else ", as far as the ledger's own index says"
    if count := unfollowed + above.unfollowed:
        how += f"; {counted(count, 'thing')} that went in could not be followed: no claim names it by SHA-256"
    return Check("revocation", Outcome.PASS, f"no revocation of the content{how}")


def _forgotten(ledger: Ledger, *, complete: bool) -> Check | None:
    """Say why what is not revoked in this ledger may be revoked all the same; None when it is the place to ask."""
    standing = ledger.home.standing()
    try:
        standing.require_live(ledger.home.name)
    except LedgerNotLiveError as error:
        return Check(
            "ledger",
            Outcome.UNCHECKED,
            f"the ledger at `{ledger.home.name}` is not the live one: what was revoked since is not in it",
            f"{error.what}{f': {error.why}' if error.why else ''}",
            "consult the live ledger",
            code="stale-ledger",
        )
    forgotten = not_carried(ledger, complete=complete)
    if not forgotten:
        return None
    return Check(
        "ledger",
        Outcome.UNCHECKED,
        f"what the log before `{ledger.origin}` revoked is not all known here",
        forgotten,
        "have somebody with the kind `revoke` enter those revocations here again: `weightmark revoke`",
        code="stale-ledger",
    )


@dataclass(frozen=True, slots=True)
class _Stated:
    """What claims beside an artifact say went in."""

    materials: tuple[str, ...]
    """`wm1:<hex>` or `sha256:<hex>`"""
    unfollowed: int
    """things that none of them names by SHA-256"""

    @classmethod
    def of(
        cls, identity: str, belief: Belief | None, stated: Sequence[Statement] = ()
    ) -> "_Stated":
        """Read the believed claims, and what others state; raises `MalformedError`."""
        believed = [one.statement for one in (belief.others if belief else ())]
        others = [one for one in stated if one not in believed]
        about = [
            one
            for one in (*believed, *others)
            if identity in [subject.identity for subject in one.subjects]
        ]
        materials = tuple(material for one in about for material in materials_of(one))
        return cls(materials, sum(unfollowed_in(one) for one in about))


def _inherited(above: Ancestry, went_in: _Stated) -> dict[str, str]:
    return dict.fromkeys((*above.reached, *went_in.materials), "what the artifact descends from")


def _ancestors(
    ledger: Ledger,
    revocations: Revocations,
    roots: list[str],
    held: list[str],
    *,
    believed: bool = False,
) -> Ancestry:
    """Follow what an artifact was made from; with nothing in force there is nothing to be found.

    Where `believed`, not by the word of a signer whom the role revoked; that files are listed outside
    of the ledger is never taken from one.
    """
    if not revocations.in_force:
        return Ancestry({})

    @cache
    def disowned() -> Disowned:
        proven = BundleVerifier().proven_in(ledger, complete=revocations.complete)
        return Disowned.of(ledger, revocations, proven)

    def made(logged: LoggedEvent) -> bool:
        return disowned().made(logged)

    return ancestors_of(
        ledger,
        roots,
        held=held,
        complete=ledger.can_be_read_whole(),
        void=revocations.void_claims,
        doubted=made,
        disowned=made if believed else None,
    )


def _names_alone(
    identity: str, belief: Belief | None, reading: Reading[Any] | None
) -> tuple[str, ...]:
    """Return what each file is called as an artifact of its own."""
    if reading and reading.files and all(file.blake3 for file in reading.files):
        return names_alone(reading.manifest())
    manifests = (one.claim.manifest for one in (belief.manifests if belief else ()))
    return next((names_alone(one) for one in manifests if one.identity == identity), ())


def _files(
    identity: str, belief: Belief | None, reading: Reading[Any] | None
) -> frozenset[str] | None:
    """Return `sha256:<hex>` of every file, as it was read or a trusted signer lists it; None when not all are known."""
    manifests = belief.manifests if belief else ()
    lists = [one.claim.sha256 for one in manifests if one.claim.manifest.identity == identity]
    read = {file.path: file.sha256 for file in reading.files} if reading else {}
    if read and all(read.values()):
        lists.append(read)
    if not lists:
        return None
    return frozenset(f"sha256:{digest}" for one in lists for digest in one.values())


def _names_files(revocations: Revocations) -> bool:
    return any(
        one.only_of is None and one.subject.text.startswith("sha256:")
        for one in revocations.in_force
    )


def _files_unknown() -> Check:
    return Check(
        "revocation",
        Outcome.UNCHECKED,
        "the ledger revokes files by SHA-256, and those of the artifact are not known",
        "no trusted claim lists them, and they were not read",
        "verify it with a manifest claim: `weightmark sign` makes one",
    )


def _first(revocations: Revocations, held: dict[str, str]) -> tuple[Revocation, str] | None:
    found = revocations.of_content(held)
    if found is None:
        return None
    return found, next(
        what for name, what in held.items() if digest_of(name) == found.subject.digest
    )


def _refusal(revocation: Revocation, what: str) -> Check:
    return Check(
        "revocation",
        Outcome.FAIL,
        f"{what} is {revocation.words}: `{revocation.subject.text}`",
        revocation.reason,
        "use another release",
        tuple(_details(revocation)),
        "revoked",
    )


def _doubtful(revocation: Revocation, what: str) -> Check:
    """Say that only a revoked signer tells of a revoked ancestor: that convicts nobody, and clears nobody."""
    return Check(
        "revocation",
        Outcome.UNCHECKED,
        f"whether {what} is {revocation.words} is told by a revoked signer alone: `{revocation.subject.text}`",
        revocation.reason,
        "have another signer say what it was made from; what is false of it the role revokes by the id of the claim",
        tuple(_details(revocation)),
    )


def _details(revocation: Revocation) -> Iterator[str]:
    yield f"revoked by {revocation.signer}"
    yield f"claim sha256:{revocation.claim_id}"
