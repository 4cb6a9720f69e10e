"""A witness that is served by a process of its own, as an operator would."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_ROOT = Path(__file__).parents[4]
_PATIENCE = 30.0


@dataclass
class ServedWitness:
    """Where it listens, and the process."""

    url: str
    process: subprocess.Popen[str]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def stop(self) -> int:
        """Ask it to stop in good order; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


@contextmanager
def serving(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[ServedWitness]:
    """Run `ledger witness serve` on a free port of the loopback until the block ends."""
    command = [sys.executable, "-m", "weightmark", "ledger", "witness", "serve", str(folder)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--isolated", *options],
        env={**os.environ, "PYTHONPATH": str(_ROOT), **(environment or {})},
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"listening on (\S+)", said)
        assert found, said + process.stderr.read()
        yield ServedWitness(found[1], process)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
