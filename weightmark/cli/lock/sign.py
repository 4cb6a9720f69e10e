"""`weightmark lock sign`: vouch for a lock, so that its commits link to bytes."""

import shlex
from datetime import UTC, datetime
from pathlib import Path

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.lock.documents import artifact_facts, lock_option
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import state_directory
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit, NoInputError

__all__ = ["sign"]


@command("lock sign")
@lock_option()
@signer_options(several=True)
@pass_console
def sign(console: Console, *, lock: str, signer: SignerRequest) -> None:
    """Sign every entry of the lock: that its pinned address stood for those bytes.

    The claims go to FILE.claims. Given to `chain` or `gate` with `--claims`, they tie a commit that
    somebody's provenance names to the artifact.
    """
    from weightmark.attestations.locking.lock_file import LockFile
    from weightmark.attestations.locking.seen import SeenLocks
    from weightmark.attestations.locking.signing import claims_path, sign_lock

    path = Path(lock)
    found = LockFile.load(path)
    if not found.artifacts:
        raise NoInputError(f"`{path}` locks nothing", fix="add to it with `weightmark lock update`")
    signers = signer.load(
        command=shlex.join(["lock", "sign", "--lock", lock]), offline=console.offline
    )
    written, now = claims_path(path), datetime.now(UTC)
    SeenLocks(state_directory() / "locks").require_past(path, now)
    count = sign_lock(found, signers, written, now)
    console.finish(
        Document(
            schema="weightmark/lock-sign/v1",
            exit=Exit.GOOD,
            verdict="signed",
            headline=f"signed: {len(found.artifacts)} of `{lock}`, {count} claims in `{written}`",
            facts={
                "lock": lock,
                "claims": str(written),
                "signers": [one.identity.name for one in signers],
                "artifacts": [artifact_facts(one) for one in found.artifacts],
            },
        )
    )
