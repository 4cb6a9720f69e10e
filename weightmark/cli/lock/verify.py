"""`weightmark lock verify`: are these folders what the lock says, and who vouches for it?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines
from weightmark.cli.lock.documents import artifact_facts, lock_option
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.attestations.pulling.locking import LockedArtifact, LockFile
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
@trust_choice_options()
@events_options()
@pass_console
def verify(
    console: Console,
    paths: tuple[str, ...],
    *,
    lock: str,
    lock_claims: str | None,
    choice: "TrustChoice",
) -> None:
    """Check that each PATH is an artifact of the lock, and with `--key` or `--identity` who vouches for the lock.

    Nothing is asked over the network; `weightmark lock diff` does that.
    """
    from datetime import UTC, datetime

    from weightmark.attestations.checks import exit_of
    from weightmark.attestations.pulling.lock_signing import claims_path, vouched_checks
    from weightmark.attestations.pulling.locking import LockFile

    place = Path(lock)
    found = LockFile.load(place)
    if not paths and choice.is_empty:
        raise CallError(
            "what to check was not said",
            fix="name folders, or who has to vouch for the lock with `--key FILE`",
        )
    checks: list[Check] = []
    if not choice.is_empty:
        trust = load_trust(choice, lock)
        claims = Path(lock_claims) if lock_claims else claims_path(place)
        if trust is not None:
            checks += vouched_checks(found, claims, trust, datetime.now(UTC))
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
            facts={"lock": lock, "artifacts": matches},
        )
    )


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
