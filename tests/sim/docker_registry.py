"""Debian's `docker-registry` on loopback, with its store in a temporary folder: a registry that others wrote."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

__all__ = ["DockerRegistry"]

_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {store}}}}}
http: {{addr: "127.0.0.1:{port}", secret: only-for-tests}}
"""
_SECONDS = 60


class DockerRegistry:
    """One server; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        config = self._folder / "config.yml"
        port = self.host.rpartition(":")[2]
        config.write_text(_CONFIG.format(store=self._folder / "store", port=port))
        with (self._folder / "log").open("ab") as said:
            self._server = subprocess.Popen(
                [_program(), "serve", str(config)], stdout=said, stderr=said
            )
        self._await()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.kill()
        self._server.wait(_SECONDS)

    def uri(self, repository: str, name: str = "v1") -> str:
        joint = "@" if name.startswith("sha256:") else ":"
        return f"oci://{self.host}/{repository}{joint}{name}"

    def _await(self) -> None:
        end = time.monotonic() + _SECONDS
        while True:
            try:
                urlopen(f"http://{self.host}/v2/", timeout=5).close()
            except URLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


def _program() -> str:
    found = shutil.which("docker-registry")
    assert found is not None
    return found
