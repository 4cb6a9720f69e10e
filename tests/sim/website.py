"""A plain web server on loopback; edit its attributes to spoil it.

    with Website.running() as site:
        site.files["/m/model.bin"] = b"..."

The only service in `faults` is `file`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request

__all__ = ["Website"]


class Website:
    """Files by their path."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.tags = True
        """whether answers carry a strong entity tag"""
        self.ranges = True
        self.honest = True
        """whether conditions and tags are those of what is served"""
        self.heeding = True
        """whether `If-Match` is heeded"""
        self.lengths: dict[str, str] = {}
        self.encoding = ""
        self.server.route("file", "/", self._file)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Website"]:
        """Start it, and close its port at the end."""
        site = cls()
        try:
            yield site
        finally:
            site.server.stop()

    @property
    def url(self) -> str:
        """Return its address, without a slash at its end."""
        return self.server.url

    def sums(self, folder: str) -> str:
        """Write the list of a folder; return its digest."""
        names = [path for path in self.files if path.startswith(folder)]
        lines = [
            f"{hashlib.sha256(self.files[name]).hexdigest()}  {name.removeprefix(folder)}\n"
            for name in sorted(names)
            if not name.endswith("/SHA256SUMS")
        ]
        listed = "".join(lines).encode()
        self.files[f"{folder}SHA256SUMS"] = listed
        return hashlib.sha256(listed).hexdigest()

    def _file(self, request: Request) -> Answer:
        if request.path in self.redirects:
            return Answer(b"", 302, headers={"Location": self.redirects[request.path]})
        data = self.files.get(request.path)
        if data is None:
            return Answer.refusal(404, "nothing is here")
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"' if self.honest else '"always"'
        headers = {"ETag": tag} if self.tags else {}
        if self.encoding:
            headers["Content-Encoding"] = self.encoding
        if self.heeding and request.headers.get("if-match", tag) != tag:
            return Answer(b"", 412)
        said = request.headers.get("range", "")
        if not said or not self.ranges:
            return Answer(data, kind="application/octet-stream", headers=headers)
        start = int(said.removeprefix("bytes=").partition("-")[0])
        if start >= len(data):
            return Answer(b"", 416, headers={"Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Answer(data[start:], 206, "application/octet-stream", headers)
