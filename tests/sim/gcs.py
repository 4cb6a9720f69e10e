"""A bucket of Google Cloud Storage on loopback, as its JSON API speaks; edit its attributes to spoil it.

    with Gcs.running() as gcs:
        gcs.put("bert/config.json", b"{}")

Services and their names in `faults`: `list`, `media`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request

__all__ = ["BUCKET", "Gcs"]

BUCKET = "models"
_LIST = f"/storage/v1/b/{BUCKET}/o"
_MEDIA = f"/download/storage/v1/b/{BUCKET}/o/"


class Gcs:
    """One bucket; every change of an object makes a generation."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.generation = 1_700_000_000_000_000
        self.page = 1000
        self.promised: dict[str, dict[str, Any]] = {}
        """members of listed objects that lie"""
        self.served: dict[str, bytes] = {}
        """keys that are served with other bytes than were listed"""
        self.serving: dict[str, object] = {}
        """generations that answers name, if others than were asked for"""
        self.location = ""
        """where media redirect to"""
        self.encoding = ""
        """what media say of their encoding"""
        self.ranges = True
        self.server.route("list", _LIST, self._list)
        self.server.route("media", _MEDIA, self._media)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Gcs"]:
        """Start it, and close its port at the end."""
        gcs = cls()
        try:
            yield gcs
        finally:
            gcs.server.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Return what a client has to know."""
        return {"STORAGE_EMULATOR_HOST": self.server.url, "NO_GCE_CHECK": "true"}

    def put(self, key: str, data: bytes) -> None:
        """Write an object, as a new generation."""
        self.generation += 1
        self.objects[key] = (self.generation, data)

    def _list(self, request: Request) -> Answer:
        prefix = request.query.get("prefix", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        start = int(request.query.get("pageToken", "0"))
        page: dict[str, Any] = {"items": [self._item(key) for key in keys[start:][: self.page]]}
        if start + self.page < len(keys):
            page["nextPageToken"] = str(start + self.page)
        return Answer.of(page)

    def _item(self, key: str) -> dict[str, Any]:
        generation, data = self.objects[key]
        item = {"name": key, "size": str(len(data)), "generation": str(generation)}
        return item | self.promised.get(key, {})

    def _media(self, request: Request) -> Answer:
        key = unquote(request.path.removeprefix(_MEDIA))
        generation, data = self.objects.get(key, (0, b""))
        if self.location:
            return Answer(b"", 302, headers={"Location": self.location})
        if str(generation) != request.query.get("generation"):
            return Answer(json.dumps({"error": {"code": 404}}).encode(), 404)
        data = self.served.get(key, data)
        headers = {"X-Goog-Generation": str(self.serving.get(key, generation))}
        headers |= {"Content-Encoding": self.encoding} if self.encoding else {}
        said = request.headers.get("range", "")
        if not said or not self.ranges:
            return Answer(data, kind="application/octet-stream", headers=headers)
        start = int(said.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Answer(data[start:], 206, "application/octet-stream", headers)
