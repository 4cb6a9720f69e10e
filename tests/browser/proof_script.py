"""The scripts of the proof check, run by Node: what the browser runs, without a browser."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weightmark.provenance.ledger.note import NoteVerifier

__all__ = ["ASSETS", "ProofScript", "encode", "proof_script"]

ASSETS = Path(__file__).parents[2] / "attestations" / "pages" / "assets"
_RUNNER = Path(__file__).with_name("proof_runner.mjs")


class ProofScript:
    """A running Node that answers one question at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Send one request; the answer holds `state`, and `says` when it is a refusal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"operation": operation, **request}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the script ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def receipt(
        self, receipt: bytes, leaf: bytes | None, verifier: NoteVerifier | str, **more: Any
    ) -> dict[str, Any]:
        """Check a receipt, with its own leaf when `leaf` is None."""
        vkey = verifier if isinstance(verifier, str) else verifier.vkey
        body = None if leaf is None else encode(leaf)
        return self.ask("receipt", receipt=encode(receipt), leaf=body, vkey=vkey, **more)

    def history(
        self,
        verifier: NoteVerifier,
        *,
        shown: bytes,
        seen: bytes | None,
        site: Mapping[str, bytes],
        is_page: bool = True,
    ) -> dict[str, Any]:
        """Compare a checkpoint with what was seen, on a site that holds the files `site`."""
        return self.ask(
            "history",
            shown=shown.decode(),
            seen=seen.decode() if seen is not None else None,
            vkey=verifier.vkey,
            files={path: encode(data) for path, data in site.items()},
            isPage=is_page,
        )


def encode(data: bytes) -> str:
    """Write bytes as base64."""
    return base64.b64encode(data).decode()


@contextmanager
def proof_script(node: Path) -> Iterator[ProofScript]:
    """Run the scripts until the block ends."""
    with subprocess.Popen(
        [str(node), str(_RUNNER), str(ASSETS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield ProofScript(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
