"""A ledger that is served by a process of its own, as an operator would."""

import http.client
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

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.submission import make_submission
from weightmark.attestations.signers.interface import Signer
from weightmark.provenance.ledger.service.wire import encode_submission

__all__ = ["Reply", "ServedLedger", "body_of", "serving"]

_ROOT = Path(__file__).parents[3]
_PATIENCE = 60.0


@dataclass(frozen=True)
class Reply:
    """What the service said."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """names in lower case"""


@dataclass
class ServedLedger:
    """Where it listens, and the process."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Ask once, over a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=_PATIENCE)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            headers = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, reply.read(), headers)
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def add(self, body: bytes) -> Reply:
        return self.ask("POST", "/add", body)

    def stop(self) -> int:
        """Ask it to stop in good order; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)

    def kill(self) -> None:
        """End it as a power cut would, from the view of its clients."""
        self.process.kill()
        self.process.wait()


def body_of(claim: Bundle, origin: str, signer: Signer) -> bytes:
    """Sign and write the body of `POST /add`."""
    return encode_submission(make_submission(claim.to_bytes(), origin, signer))


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[ServedLedger]:
    """Run `ledger serve` on a free port of the loopback until the block ends."""
    log = folder.with_name(f"{folder.name}.decisions")
    command = [sys.executable, "-m", "weightmark", "ledger", "serve", "--ledger", str(folder)]
    state = folder.with_name("operator")
    process = subprocess.Popen(
        [*command, "--port", "0", "--isolated", "--jobs", "1", "--access-log", str(log), *options],
        env={**os.environ, "PYTHONPATH": str(_ROOT), "XDG_STATE_HOME": str(state)},
        cwd=folder.parent,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        while not (found := re.search(r"listening on (\S+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield ServedLedger(found[1], process, log)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
