"""A lock that is waited for a little: whoever can read a file can hold one on it for ever."""

import fcntl
import time

__all__ = ["lock_soon"]

_PAUSE = 0.01


def lock_soon(descriptor: int, *, seconds: float = 1.0) -> bool:
    """Take an exclusive advisory lock; False when somebody holds it for so long, or the file system knows none."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        except OSError:
            return False
        else:
            return True
