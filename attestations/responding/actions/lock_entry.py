"""Dropping from a lock what was denied or revoked, so that no pull with `--locked` fetches it again."""

from pathlib import Path

from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
from weightmark.attestations.responding.happening import Happening, Trigger
from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.provenance.atomic import exclusive
from weightmark.values import dataclass

__all__ = ["DropLockEntry"]


@dataclass(frozen=True, slots=True)
class DropLockEntry:
    """Removes every entry with the identity of the artifact."""

    lock: Path
    """the lock file"""

    def plan(self, happening: Happening) -> str:
        """Say which entries would go; raises `UncheckedError` for an artifact whose identity nobody knows."""
        if not happening.identity and happening.trigger is not Trigger.REVOKE:
            raise UncheckedError(
                "it is not known which entry to drop", why="what was judged has no identity"
            )
        try:
            found = self._entries(LockFile.load(self.lock), happening)
        except WeightmarkError as error:
            return f"drop entries from `{self.lock}`, which can't be read now: {error.what}"
        return f"drop {_words(found)} from `{self.lock}`" if found else ""

    def act(self, happening: Happening) -> str:
        """Write the lock without them; raises what reading and writing it raises."""
        with exclusive(self.lock.absolute().parent):
            lock = LockFile.load(self.lock)
            found = self._entries(lock, happening)
            if not found:
                return f"`{self.lock}` holds no entry of it"
            LockFile(tuple(one for one in lock.artifacts if one not in found)).write(self.lock)
        return f"dropped {_words(found)} from `{self.lock}`; whoever vouches for the lock has to sign it again"

    def _entries(self, lock: LockFile, happening: Happening) -> tuple[LockedArtifact, ...]:
        """Find entries by identity alone: an address proves nothing."""
        if not happening.identity:
            return ()
        return tuple(one for one in lock.artifacts if one.identity == happening.identity)


def _words(entries: tuple[LockedArtifact, ...]) -> str:
    return ", ".join(f"`{one.uri}`" for one in entries)
