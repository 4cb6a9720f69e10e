"""A tracking server of MLflow on loopback, as its client speaks to it; edit its attributes to spoil it.

    with TrackingServer.running() as server:
        server.register("bert", {"MLmodel": b"...", "data/w.bin": b"..."})

Services and their names in `faults`: `api` (runs and versions), `artifacts`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request

__all__ = ["TrackingServer"]

_API = "/api/2.0/mlflow/"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


class TrackingServer:
    """Registered models, runs, and the files behind them."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.versions: dict[tuple[str, str], str] = {}
        """name and number: where the files lie"""
        self.aliases: dict[tuple[str, str], str] = {}
        self.tags: dict[tuple[str, str], dict[str, str]] = {}
        self.runs: dict[str, str] = {}
        self.logged: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        """path below the artifact root: content"""
        self.listed: dict[str, dict[str, Any]] = {}
        """members of listed files that lie"""
        self.bearer = ""
        self.location = ""
        """where files redirect to"""
        self.server.route("api", _API, self._api)
        self.server.route("artifacts", _ARTIFACTS, self._artifacts)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["TrackingServer"]:
        """Start it, and close its port at the end."""
        server = cls()
        try:
            yield server
        finally:
            server.server.stop()

    @property
    def url(self) -> str:
        """Return its address, without a slash at its end."""
        return self.server.url

    def register(self, name: str, files: Mapping[str, bytes], version: str = "1") -> str:
        """Keep files of a version; return their root."""
        root = f"1/{name}-{version}/artifacts"
        self.files |= {f"{root}/{path}": data for path, data in files.items()}
        self.versions[name, version] = f"mlflow-artifacts:/{root}"
        return root

    def _api(self, request: Request) -> Answer:
        if self.bearer and request.headers.get("authorization") != f"Bearer {self.bearer}":
            return Answer.of({"error_code": "PERMISSION_DENIED", "message": "no"}, 403)
        word = request.path.removeprefix(_API)
        found = self._found(word, request)
        if found is None:
            return Answer.of({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": word}, 404)
        return Answer.of(found)

    def _found(self, word: str, request: Request) -> dict[str, Any] | None:
        asked = request.query or (request.json() if request.body else {})
        name, version = str(asked.get("name", "")), str(asked.get("version", ""))
        if word == "registered-models/get":
            known = any(name == one for one, _ in self.versions)
            return {"registered_model": {"name": name}} if known else None
        if word == "model-versions/set-tag":
            self.tags.setdefault((name, version), {})[str(asked["key"])] = str(asked["value"])
            return {}
        found: dict[str, tuple[str | None, dict[str, Any]]] = {
            "registered-models/alias": self._alias(name, str(asked.get("alias"))),
            "model-versions/get-download-uri": self._place(name, version),
            "runs/get": self._run(str(asked.get("run_id"))),
        }
        known_place, answer = found.get(word) or self._logged(word.removeprefix("logged-models/"))
        return answer if known_place else None

    def _alias(self, name: str, alias: str) -> tuple[str | None, dict[str, Any]]:
        number = self.aliases.get((name, alias))
        return number, {"model_version": {"name": name, "version": number}}

    def _place(self, name: str, version: str) -> tuple[str | None, dict[str, Any]]:
        place = self.versions.get((name, version))
        return place, {"artifact_uri": place}

    def _run(self, run: str) -> tuple[str | None, dict[str, Any]]:
        place = self.runs.get(run)
        info = {"run_id": run, "artifact_uri": place, "status": "FINISHED"}
        return place, {"run": {"info": info, "data": {}}}

    def _logged(self, model: str) -> tuple[str | None, dict[str, Any]]:
        place = self.logged.get(model)
        info = {"model_id": model, "artifact_uri": place, "name": "m"}
        return place, {"model": {"info": info, "data": {}}}

    def _artifacts(self, request: Request) -> Answer:
        if self.bearer and request.headers.get("authorization") != f"Bearer {self.bearer}":
            return Answer.refusal(403, "no")
        path = unquote(request.path.removeprefix(_ARTIFACTS)).lstrip("/")
        if request.method == "PUT":
            self.files[path] = request.body
            return Answer.of({})
        if not path:
            return self._list(request.query.get("path", ""))
        if self.location:
            return Answer(b"", 302, headers={"Location": self.location})
        data = self.files.get(path)
        if data is None:
            return Answer.refusal(404, "nothing is here")
        said = request.headers.get("range", "")
        start = int(said.removeprefix("bytes=").partition("-")[0]) if said else 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if said else {}
        return Answer(data[start:], 206 if said else 200, "application/octet-stream", headers)

    def _list(self, folder: str) -> Answer:
        found: dict[str, dict[str, Any]] = {}
        for path, data in self.files.items():
            if path.startswith(f"{folder}/"):
                name, slash, _ = path.removeprefix(f"{folder}/").partition("/")
                found[name] = {"path": name, "is_dir": bool(slash)}
                if not slash:
                    found[name] |= {"file_size": str(len(data))} | self.listed.get(path, {})
        return Answer.of({"files": list(found.values())})
