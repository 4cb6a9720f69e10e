"""`weightmark lock verify`: are these folders what the lock says, and who vouches for it?"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.lock.documents import artifact_facts, lock_option
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.places import state_directory
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, ReadError, RefusedError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
    from weightmark.attestations.locking.signing import Vouched
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["verify"]


@command("lock verify")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@lock_option()
@option(
    "--lock-claims",
    metavar="FILE",
    type=click.Path(),
    help="Claims of who vouches for the lock (default: FILE.claims beside it)",
)
@option(
    "--not-before",
    metavar="TIME",
    help="Refuse a lock that was signed before this moment; needs nothing remembered",
)
@option(
    "--accept-older",
    is_flag=True,
    help="Accept a lock that is older than the newest seen here, and remember it in its place",
)
@trust_choice_options()
@events_options()
@pass_console
def verify(
    console: Console,
    paths: tuple[str, ...],
    *,
    lock: str,
    lock_claims: str | None,
    not_before: str | None,
    accept_older: bool,
    choice: "TrustChoice",
) -> None:
    """Check that each PATH is an artifact of the lock, and with `--key` or `--identity` who vouches for the lock.

    A lock that was signed before the newest one that was seen here is refused: it was put back. Nothing
    is asked over the network; `weightmark lock diff` does that.
    """
    from weightmark.attestations.checks import exit_of
    from weightmark.attestations.locking.lock_file import LockFile
    from weightmark.provenance.ledger.event import format_time

    place = Path(lock)
    found = LockFile.load(place)
    if not paths and choice.is_empty:
        raise CallError(
            "what to check was not said",
            fix="name folders, or who has to vouch for the lock with `--key FILE`",
        )
    checks: list[Check] = []
    signed = None
    if not choice.is_empty:
        trust = load_trust(choice, lock)
        if trust is not None:
            vouched = _vouched(
                console, place, found, _Asked(lock_claims, not_before, accept_older), trust
            )
            checks.append(vouched.check)
            signed = vouched.signed
    elif not_before or accept_older:
        raise CallError(
            "when the lock was signed is not asked without a signer",
            fix="name who has to vouch for it with `--key FILE`",
        )
    matches: list[dict[str, Any]] = []
    for path in paths:
        check, match = _compare(console, found, path)
        checks.append(check)
        matches.append(match)
    code = exit_of(checks)
    verdicts = {Exit.GOOD: "verified", Exit.BAD: "refused"}
    console.finish(
        Document(
            schema="weightmark/lock-verify/v1",
            exit=code,
            verdict=verdicts.get(code, "unchecked"),
            headline=f"{verdicts.get(code, 'unchecked')}: `{lock}`",
            checks=check_lines(checks),
            facts={
                "lock": lock,
                "signed": format_time(signed) if signed else None,
                "artifacts": matches,
            },
        )
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was said about the signature of the lock."""

    claims: str | None
    """where the claims are; None for beside it"""
    not_before: str | None
    """the moment since which it has to be signed"""
    accept_older: bool
    """whether it may be older than one that was seen"""


def _vouched(
    console: Console, place: Path, lock: "LockFile", asked: _Asked, trust: "Trust"
) -> "Vouched":
    """Look who vouches for the lock, and whether it is the newest one that was seen there."""
    from datetime import UTC, datetime

    from weightmark.attestations.checks import Check
    from weightmark.attestations.locking.seen import SeenLocks, require_signed_since
    from weightmark.attestations.locking.signing import claims_path, vouched_for

    since = parse_beginning(asked.not_before)
    claims = Path(asked.claims) if asked.claims else claims_path(place)
    vouched = vouched_for(lock, claims, trust, datetime.now(UTC))
    if not vouched.digest:
        return vouched
    try:
        if since:
            require_signed_since(place, vouched, since)
        SeenLocks(state_directory() / "locks").admit(place, vouched, older=asked.accept_older)
    except ReadError as error:
        console.note(f"not remembered, so an older lock will not be noticed: {error.what}")
    except RefusedError as error:
        return replace(vouched, check=Check.from_error("signature", error))
    return vouched


def _compare(console: Console, lock: "LockFile", path: str) -> "tuple[Check, dict[str, Any]]":
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.provenance.identification import identify

    with console.progress(None) as progress:
        found = identify(path, sha256=True, progress=progress, jobs=console.jobs)
    match = next((one for one in lock.artifacts if one.identity == found.identity), None)
    facts = {
        "path": path,
        "identity": found.identity,
        "locked": artifact_facts(match) if match else None,
    }
    if match:
        return Check(f"`{path}`", Outcome.PASS, f"is {match.uri}, pinned to {match.pinned}"), facts
    nearest = _nearest(lock, found.sha256)
    check = Check(
        f"`{path}`",
        Outcome.FAIL,
        "is no artifact of the lock",
        f"{found.identity} is locked under no address",
        "pull it again with `weightmark pull URI --locked`, or look what changed",
        _differences(nearest, found.sha256) if nearest else (),
        code="tampered",
    )
    return check, facts


def _nearest(lock: "LockFile", sha256: dict[str, str]) -> "LockedArtifact | None":
    """Return the entry that shares most files with what was read; None when none shares any."""

    def shared(one: "LockedArtifact") -> int:
        return sum(sha256.get(file.path) == file.sha256 for file in one.files)

    best = max(lock.artifacts, key=shared, default=None)
    return best if best and shared(best) else None


def _differences(locked: "LockedArtifact", sha256: dict[str, str]) -> tuple[str, ...]:
    from weightmark.provenance.names import escape_path

    expected = {file.path: file.sha256 for file in locked.files}
    lines = [f"nearest is {locked.uri}"]
    for path in sorted({*expected, *sha256}):
        if path not in sha256:
            lines.append(f"missing: {escape_path(path)}")
        elif path not in expected:
            lines.append(f"extra: {escape_path(path)}")
        elif expected[path] != sha256[path]:
            lines.append(f"changed: {escape_path(path)}")
    return tuple(lines)
