"""What running the command line gives."""

import subprocess
from collections.abc import Callable


class Ran(subprocess.CompletedProcess[str]):
    """A call that ended: `stdout`, `stderr` and its exit code."""

    @property
    def code(self) -> int:
        return int(self.returncode)


RunCli = Callable[..., Ran]
"""run `weightmark ARGS` with `env=` and `cwd=`"""
