"""Whether the ledgers of this set-up can be used: keys, standing, and what was seen of them before."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from weightmark.attestations.checks import counted
from weightmark.cli.doctor.calls import SaidSettings
from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.places import data_directory
from weightmark.errors import WeightmarkError

__all__ = ["examine_ledger", "examine_ledgers"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE = ("log.key", "recovery.key")


def examine_ledgers(said: SaidSettings) -> Iterator[Examined]:
    """Look at the ledger in the data folder, and at every folder that is named as one."""
    named = {word: origin for word, origin in said.of("ledger").items() if "://" not in word}
    try:
        usual = data_directory() / "ledger"
    except WeightmarkError:
        usual = None
    if usual and os.path.lexists(usual):
        named.setdefault(str(usual), "the data folder")
    for word, origin in named.items():
        yield from examine_ledger(Path(word), origin)
    if not named:
        none = "none yet; `weightmark ledger init --admit release.pub` makes one"
        yield Examined.note("ledger", none)


def examine_ledger(path: Path, origin: str) -> Iterator[Examined]:
    """Look at a ledger in a folder; nothing is opened for writing, and entries are not recomputed."""
    named = f"ledger:{path}"
    try:
        yield _state(path, named)
    except WeightmarkError as error:
        seen = f"{error.what}, as {origin} names it"
        fix = error.fix or f"`weightmark ledger verify --ledger {path}` tells more"
        yield Examined(named, "ledger", Verdict.BAD, seen, error.why, fix)
        return
    open_ = [name for name in _PRIVATE if _is_open(path / name)]
    if open_:
        seen = f"others of this machine may open {', '.join(f'`{path / name}`' for name in open_)}"
        fix = f"`chmod 600 {' '.join(str(path / name) for name in open_)}`"
        why = "whoever has it can rewrite the ledger"
        yield Examined(f"{named}:keys", "ledger", Verdict.WARN, seen, why, fix)
    if os.path.lexists(path / "recovery.key"):
        seen = f"`{path / 'recovery.key'}` lies beside the ledger that it is to save"
        why = "whoever takes the machine takes it, too"
        yield Examined(
            f"{named}:recovery",
            "ledger",
            Verdict.WARN,
            seen,
            why,
            "move it to a place that is offline",
        )


def _state(path: Path, named: str) -> Examined:
    """Compare the published checkpoint with what this user saw before; raises what reading it raises."""
    from weightmark.provenance.ledger.checkpoint import verify_checkpoint
    from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
    from weightmark.provenance.ledger.files import read_file
    from weightmark.provenance.ledger.home.folder import FolderHome
    from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
    from weightmark.provenance.ledger.standing import Role

    home = FolderHome(path)
    verifier, standing = home.read_verifier(), home.standing()
    note = read_file(path / "tiles" / "checkpoint", max_size=MAX_NOTE_SIZE)
    if note is None:
        return Examined(
            named, "ledger", Verdict.WARN, f"`{path}` publishes no checkpoint",
            "`tiles/` is missing", "the next `weightmark ledger append` publishes it again",
        )  # fmt: skip
    published = verify_checkpoint(note, verifier)
    seen = CheckpointMemory.of_user().recall(verifier)
    entries = counted(published.size, "entry", "entries")
    said = f"`{path}`: {entries} of `{verifier.name}`"
    if seen is not None and seen.size > published.size:
        why = f"{counted(seen.size, 'entry', 'entries')} were seen before: it was rolled back, or not published"
        fix = (
            f"`weightmark ledger verify --ledger {path}`; the guide to ledgers tells how to recover"
        )
        return Examined(named, "ledger", Verdict.BAD, said, why, fix)
    if standing.role is Role.LIVE and not os.path.lexists(path / "log.key"):
        return Examined(
            named, "ledger", Verdict.WARN, f"{said}; `{path / 'log.key'}` is missing", "nothing can be appended",
            "put the key of the log back from its backup, or rotate it: `weightmark ledger rotate`",
        )  # fmt: skip
    if standing.role is not Role.LIVE:
        return Examined(
            named, "ledger", Verdict.NOTE, f"{said}; a copy that signs nothing ({standing.role})"
        )
    return Examined.ok("ledger", said, id=named)


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except OSError:
        return False
