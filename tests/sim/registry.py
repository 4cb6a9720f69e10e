"""A registry on loopback that does what Debian's `docker-registry` can't: referrers, logins, redirects and lies.

with RegistrySim() as sim:
    digest = sim.add_model("acme/model", "v1", {"config.json": b"{}"})
    sim.replies["GET /v2/acme/model/blobs/…"] = [Reply(503)]
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["BUNDLE", "INDEX", "MANIFEST", "Asked", "RegistrySim", "Reply", "blob", "sha256"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_MODEL = "application/vnd.cncf.model"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """names in lower case"""
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered instead of the truth."""

    status: int = 200
    body: bytes | None = None
    """None for the true body"""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    """bytes after which the connection ends, though more were announced"""


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(data: bytes, media_type: str, **annotations: str) -> dict[str, Any]:
    """Describe bytes, with annotations whose `_` stand for `.`."""
    described: dict[str, Any] = {
        "mediaType": media_type,
        "digest": sha256(data),
        "size": len(data),
    }
    if annotations:
        described["annotations"] = {
            name.replace("_", "."): one for name, one in annotations.items()
        }
    return described


class RegistrySim:
    """One registry; edit its attributes to spoil it."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        """by repository and digest: bytes and media type"""
        self.tags: dict[tuple[str, str], str] = {}
        self.has_referrers = True
        self.page = 1000
        """referrers on one page"""
        self.ranges = True
        self.scheme = ""
        """`Bearer` or `Basic` when one has to log in"""
        self.user, self.password = "builder", "hunter2-password"
        self.identity_token = ""
        self.token = "eyJhbGciOiJub25lIn0.secret-token"  # noqa: S105 - of this stand-in
        self.scopes: list[str] = []
        """what tokens were asked for"""
        self.realm = ""
        """another token service than its own"""
        self.drip = 0.0
        """seconds after each byte of a body"""
        self.replies: dict[str, list[Reply]] = {}
        """by method and path, each used once"""
        self.always: dict[str, Reply] = {}
        """by method and path, used every time"""
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def uri(self, repository: str, name: str = "v1") -> str:
        joint = "@" if name.startswith("sha256:") else ":"
        return f"oci://{self.host}/{repository}{joint}{name}"

    def add_blob(self, data: bytes) -> str:
        self.blobs[sha256(data)] = data
        return sha256(data)

    def add_manifest(
        self, repository: str, tag: str, document: Mapping[str, Any] | bytes, kind: str = MANIFEST
    ) -> str:
        """Keep a document under its digest, and under a tag unless that is empty."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[repository, sha256(data)] = (data, kind)
        if tag:
            self.tags[repository, tag] = sha256(data)
        return sha256(data)

    def add_model(self, repository: str, tag: str, files: Mapping[str, bytes]) -> str:
        """Keep files as a ModelPack, one raw layer each."""
        layers = [
            blob(data, f"{_MODEL}.weight.v1.raw", org_cncf_model_filepath=path)
            for path, data in files.items()
        ]
        for data in (*files.values(), b"{}"):
            self.add_blob(data)
        document = self.manifest(layers, artifactType=f"{_MODEL}.manifest.v1+json")
        return self.add_manifest(repository, tag, document)

    @staticmethod
    def manifest(
        layers: list[dict[str, Any]],
        config: bytes = b"{}",
        config_type: str = f"{_MODEL}.config.v1+json",
        **fields: Any,
    ) -> dict[str, Any]:
        """Return a manifest."""
        return {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob(config, config_type),
            "layers": layers,
            **fields,
        }

    def attach(self, repository: str, digest: str, bundle: bytes, **fields: Any) -> str:
        """Attach a bundle as cosign 3 does."""
        self.add_blob(bundle)
        self.add_blob(b"{}")
        document = self.manifest(
            [blob(bundle, BUNDLE)],
            config_type="application/vnd.oci.empty.v1+json",
            artifactType=BUNDLE,
            subject={"mediaType": MANIFEST, "digest": digest, "size": 1},
        )
        return self.add_manifest(repository, "", {**document, **fields})

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """Yield a body as it is sent."""
        if not self.drip:
            yield body
            return
        for place in range(len(body)):
            yield body[place : place + 1]
            time.sleep(self.drip)

    def requests(self, method: str, part: str) -> list[Asked]:
        """Return what was asked so far with `part` in its path."""
        return [one for one in self.asked if one.method == method and part in one.path]

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        found = []
        for (where, name), (data, kind) in self.manifests.items():
            document = json.loads(data)
            if where == repository and (document.get("subject") or {}).get("digest") == digest:
                entry = {"mediaType": kind, "digest": name, "size": len(data)}
                entry |= {
                    key: document[key] for key in ("artifactType", "annotations") if key in document
                }
                found.append(entry)
        return found

    def may(self, headers: Mapping[str, str]) -> bool:
        given = headers.get("authorization", "")
        if self.scheme == "Bearer":
            return given == f"Bearer {self.token}"
        return not self.scheme or given == self.basic

    @property
    def basic(self) -> str:
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, sim: RegistrySim) -> None:
        self.sim = sim
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self.take()

    def do_HEAD(self) -> None:
        self.take()

    def do_POST(self) -> None:
        self.take()

    def do_PUT(self) -> None:
        self.take()

    def take(self) -> None:
        sim, asked = self.server.sim, self.read()
        with sim.lock:
            sim.asked.append(asked)
            waiting = sim.replies.get(f"{asked.method} {asked.path}", [])
            said = waiting.pop(0) if waiting else sim.always.get(f"{asked.method} {asked.path}")
            status, body, more = _answer(sim, asked)
        said = said or Reply()
        status = said.status if said.status != HTTPStatus.OK else status
        self.say(
            status, body if said.body is None else said.body, {**more, **said.headers}, said.cut
        )

    def read(self) -> Asked:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        return Asked(self.command, parts.path, query, headers, body)

    def say(self, status: int, body: bytes, headers: dict[str, str], cut: int | None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for piece in self.server.sim.pieces(body[:cut]):
                self.wfile.write(piece)
        self.close_connection = cut is not None


Answer = tuple[int, bytes, dict[str, str]]


def _answer(sim: RegistrySim, asked: Asked) -> Answer:
    if asked.path == "/token":
        return _token(sim, asked)
    if not sim.may(asked.headers):
        realm = sim.realm or f"{sim.url}/token"
        challenge = f'Bearer realm="{realm}",service="sim",scope="repository:x:pull"'
        shown = challenge if sim.scheme == "Bearer" else 'Basic realm="sim"'
        return _refusal(401, "UNAUTHORIZED", {"WWW-Authenticate": shown})
    _, _, rest = asked.path.partition("/v2/")
    for kind, answer in (("manifests", _manifest), ("blobs", _blob), ("referrers", _referrers)):
        repository, found, name = rest.rpartition(f"/{kind}/")
        if found and "/" not in name.removeprefix("uploads/"):
            return answer(sim, asked, repository, name)
    return _refusal(404, "NAME_UNKNOWN")


def _token(sim: RegistrySim, asked: Asked) -> Answer:
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    sim.scopes.append(asked.query.get("scope") or form.get("scope", ""))
    by_token = bool(sim.identity_token) and form.get("refresh_token") == sim.identity_token
    if not by_token and asked.headers.get("authorization") != sim.basic:
        return _refusal(401, "UNAUTHORIZED")
    return 200, json.dumps({"token": sim.token}).encode(), {}


def _manifest(sim: RegistrySim, asked: Asked, repository: str, name: str) -> Answer:
    if asked.method == "PUT":
        kind = asked.headers["content-type"]
        digest = sim.add_manifest(repository, "" if ":" in name else name, asked.body, kind)
        about = (json.loads(asked.body).get("subject") or {}).get("digest", "")
        more = {"OCI-Subject": about} if about and sim.has_referrers else {}
        return 201, b"", {"Docker-Content-Digest": digest, **more}
    digest = sim.tags.get((repository, name), name)
    found = sim.manifests.get((repository, digest))
    if found is None:
        return _refusal(404, "MANIFEST_UNKNOWN")
    return 200, found[0], {"Content-Type": found[1], "Docker-Content-Digest": digest}


def _blob(sim: RegistrySim, asked: Asked, repository: str, name: str) -> Answer:
    if asked.method == "POST":
        return 202, b"", {"Location": f"/v2/{repository}/blobs/uploads/session?_state=secret-state"}
    if asked.method == "PUT":
        digest = asked.query["digest"]
        if sha256(asked.body) != digest:
            return _refusal(400, "DIGEST_INVALID")
        sim.add_blob(asked.body)
        return 201, b"", {"Docker-Content-Digest": digest}
    data = sim.blobs.get(name)
    if data is None:
        return _refusal(404, "BLOB_UNKNOWN")
    wanted = asked.headers.get("range", "")
    if sim.ranges and wanted:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        said = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return 206, data[start:], {"Content-Range": said}
    return 200, data, {"Content-Type": "application/octet-stream"}


def _referrers(sim: RegistrySim, asked: Asked, repository: str, name: str) -> Answer:
    if not sim.has_referrers:
        return _refusal(404, "UNSUPPORTED")
    found = sim.referrers(repository, name)
    start = int(asked.query.get("from", "0"))
    page = found[start : start + sim.page]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": page}
    more = {"Content-Type": INDEX}
    if start + sim.page < len(found):
        more["Link"] = f'<{asked.path}?from={start + sim.page}>; rel="next"'
    return 200, json.dumps(document).encode(), more


def _refusal(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": "as the simulation says"}]}).encode()
    return status, body, {"Content-Type": "application/json", **(headers or {})}
