"""One process that uses a ledger, for tests that kill it, starve it or run many at once.

    python -m tests.provenance.ledger.ledger_child LEDGER STATE COMMAND NAME...

COMMAND is `append`, `each` (one by one), `list`, `list=UID`, `append=UID` or `full-append=BYTES`; or
`publish`, `migrate`, `backup`, whose NAME is the new place. LEDGER is a folder, or `URL#KEYFILE`.

Prints the index of each entry and `done`; an error of ours is printed and is the exit code.
"""

import contextlib
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.errors import LedgerInconsistentError, WeightmarkError
from weightmark.provenance.ledger.backup import back_up
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.opening import view_of

MOVES: dict[str, Callable[[Ledger, Path], object]] = {
    "publish": lambda ledger, place: ledger.publish(view_of(place)),
    "migrate": migrate,
    "backup": back_up,
}


def become(uid: int) -> None:
    """Use everything once, so that it is imported, then give up root."""
    with tempfile.TemporaryDirectory() as place:
        memory = CheckpointMemory(Path(place) / "state")
        keys = [SubmitterSim().admitted]
        with Ledger.create(
            Path(place) / "l", origin=ORIGIN, submitters=keys, memory=memory
        ) as made:
            made.append([SubmitterSim().submit("a")], ClaimVerifierSim(), now=NOW)
            made.verify(ClaimVerifierSim())
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def main(path: str, state: str, command: str, *names: str) -> int:
    alice = SubmitterSim()
    command, _, value = command.partition("=")
    if command == "full-append":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(value), int(value)))
    elif value:
        become(int(value))
    try:
        memory = CheckpointMemory(Path(state))
        place, _, key = path.partition("#")
        with Ledger.open(
            place if key else Path(path),
            memory=memory,
            log_key=Path(key) if key else None,
            clock=lambda: NOW,
        ) as ledger:
            if command == "each":
                for name in names:
                    (one,) = ledger.append([alice.submit(name)], ClaimVerifierSim())
                    sys.stdout.write(f"{name} {one.index}\n")
                    sys.stdout.flush()
            elif command in MOVES:
                MOVES[command](ledger, Path(names[0]))
            elif command.endswith("append"):
                batch = [alice.submit(name) for name in names]
                sys.stdout.write(
                    "".join(f"{one.index}\n" for one in ledger.append(batch, ClaimVerifierSim()))
                )
            else:
                listed = ledger.entries(0, 1000)
                ledger.prove(len(listed) - 1)
                for problem in ledger.verify(ClaimVerifierSim()).problems:
                    raise LedgerInconsistentError(f"{problem.where}: {problem.what}")
                sys.stdout.write(f"{len(listed)}\n")
    except WeightmarkError as error:
        sys.stdout.write(f"{type(error).__name__}: {error.what}\n")
        return int(error.exit)
    with contextlib.suppress(OSError):
        sys.stdout.write("done\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
