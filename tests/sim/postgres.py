"""A real PostgreSQL server in a temporary folder, on a socket that only this test run knows.

The server refuses to run as root, so root hands the folder to the account `postgres`.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

__all__ = ["PostgresServer", "programs"]

_SECONDS = 60


def programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest that is installed."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[4])
    )
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """One server with many databases."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self._server: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {"listen_addresses": "", "unix_socket_directories": str(self.folder)}
        settings = [f"-c{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as said:
            self._server = subprocess.Popen(
                [*self._account, str(self._programs / "postgres"), "-D", "data", *settings],
                cwd=self.folder,
                stderr=said,
                start_new_session=True,
            )
        self._await()

    def crash(self) -> None:
        """Kill the server and everything that works for it, as a power cut does to processes."""
        pid = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        assert self._server is not None
        self._server.wait(_SECONDS)

    def stop(self) -> None:
        """Stop the server and remove the folder."""
        if self._server is not None and self._server.poll() is None:
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """Make an empty database; returns its URL."""
        import psycopg

        name = f"t{uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"create database {name}".encode())
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _await(self) -> None:
        import psycopg

        end = time.monotonic() + _SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        call = [*self._account, str(self._programs / program), *arguments]
        subprocess.run(call, cwd=self.folder, check=True, capture_output=True)

    @property
    def _account(self) -> list[str]:
        return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
