"""A hub of models and datasets on loopback, as `huggingface_hub` and git see it; edit its attributes to spoil it.

    with Hub.running() as hub:
        repo = hub.add("models", "acme/bert", {"config.json": b"{}", "model.safetensors": Lfs(data)})
        hub.faults["file"] = Fault(FaultKind.TRUNCATED, times=2)

Services and their names in `faults`: `api` (revisions, trees, commits), `file` (content and uploads), `storage`
(another origin, to which large files redirect). Each has a port of its own where it matters: the storage has.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request

__all__ = ["Content", "Hub", "Lfs", "Repository", "git_blob"]


@dataclass(frozen=True)
class Lfs:
    """Content that the hub keeps as a large file, promised by SHA-256."""

    data: bytes
    xet: str = ""
    """hash under which the hub keeps it in xet as well: 64 hex digits of a hash over chunks"""

    @cached_property
    def sha256(self) -> str:
        """Return the digest, computed once: answers must not take longer for larger files."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        """Return what git keeps in its place."""
        return (
            f"version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {len(self.data)}\n"
        ).encode()


Content = bytes | Lfs


def git_blob(data: bytes) -> str:
    """Return the name that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """One repository: commits by their name, and where branches and tags point."""

    folder: str
    name: str
    commits: dict[str, dict[str, Content]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    served: dict[str, bytes] = field(default_factory=dict)
    """paths that are served with other bytes than the tree promises"""
    promised: dict[str, dict[str, Any]] = field(default_factory=dict)
    """fields of tree entries that lie"""
    more_entries: list[dict[str, Any]] = field(default_factory=list)
    """entries that the tree lists besides"""

    def commit(self, files: Mapping[str, Content], *, ref: str = "main", name: str = "") -> str:
        """Add a commit, move `ref` to it, and return its name: 40 hex digits."""
        listed = repr(sorted((path, _bytes(data)) for path, data in files.items())).encode()
        made = name or hashlib.sha1(listed, usedforsecurity=False).hexdigest()
        self.commits[made] = dict(files)
        self.refs[ref] = made
        return made

    @property
    def head(self) -> str:
        """The commit that `main` points at."""
        return self.refs["main"]

    @property
    def uri(self) -> str:
        """The address of `main`."""
        return f"hf://{self.folder}/{self.name}@main"

    def find(self, revision: str) -> str:
        """Return the commit that a revision means; empty for none."""
        return revision if revision in self.commits else self.refs.get(revision, "")


class Hub:
    """All repositories of one hub."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.server = LoopbackServer(self.faults)
        self.elsewhere = LoopbackServer(self.faults)
        self.token = ""
        """the bearer that private and gated repositories ask for"""
        self.page = 1000
        """entries of a tree listing on one page"""
        self.next_page = ""
        """where listings continue, instead of here"""
        self.ranges = True
        """whether files may be asked for from an offset"""
        self.redirects = True
        """whether large files are served by the storage at another origin"""
        self.location = ""
        """where large files redirect to, instead of the storage"""
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.uploads: dict[str, bytes] = {}
        """large files that were sent, by SHA-256"""
        self.large = 1000
        """bytes from which on a file is a large one"""
        self.ignored: set[str] = set()
        """paths that commits leave out without a word"""
        self.before_commit: Callable[[], object] = lambda: None
        """called when a commit arrives, before it is judged"""
        self.server.route("api", "/api/", self._api)
        self.server.route("file", "/", self._file)
        self.elsewhere.route("storage", "/", self._stored)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Hub"]:
        """Start it, and close its ports at the end."""
        hub = cls()
        try:
            yield hub
        finally:
            hub.server.stop()
            hub.elsewhere.stop()

    @property
    def url(self) -> str:
        """Return its address, without a slash at its end."""
        return self.server.url

    @property
    def environment(self) -> dict[str, str]:
        """Return what a client has to know, and what keeps it from asking anybody else."""
        return {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

    def add(self, folder: str, name: str, files: Mapping[str, Content]) -> Repository:
        """Make a repository with one commit on `main`."""
        made = Repository(folder, name)
        made.commit(files)
        self.repositories[folder, name] = made
        return made

    def asked(self, service: str) -> list[Request]:
        """Return what a service was asked so far."""
        return [*self.server.requests(service), *self.elsewhere.requests(service)]

    def _api(self, request: Request) -> Answer:
        """Answer `/api/{folder}/{owner}/{name}[/revision/R|/tree/R]`."""
        words = request.path.removeprefix("/api/").split("/")
        if words == ["validate-yaml"]:
            return Answer.of({"errors": [], "warnings": []})
        if len(words) == 1 and request.query.get("author"):
            return self._of_owner(words[0], request)
        for length in (3, 2):
            found = self.repositories.get((words[0], unquote("/".join(words[1:length]))))
            if found:
                return self._about(found, words[length:], request)
        return _refusal(404, "RepoNotFound")

    def _about(self, repository: Repository, words: list[str], request: Request) -> Answer:
        denied = self._denied(repository, request)
        if denied:
            return denied
        if words[:1] in (["preupload"], ["commit"]):
            return self._write(repository, words, request)
        commit = repository.find(unquote(words[1]) if len(words) > 1 else "main")
        if not commit:
            return _refusal(404, "RevisionNotFound")
        if words[:1] == ["tree"]:
            return self._tree(repository, commit, request)
        return Answer.of(
            {
                "id": repository.name,
                "sha": commit,
                "private": repository.private,
                "gated": "manual" if repository.gated else False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": path} for path in repository.commits[commit]],
            }
        )

    def _of_owner(self, folder: str, request: Request) -> Answer:
        """List the repositories of an owner, page by page."""
        names = sorted(
            name
            for (kind, name), one in self.repositories.items()
            if kind == folder
            and name.startswith(f"{request.query['author']}/")
            and not (one.private and request.headers.get("authorization") != f"Bearer {self.token}")
        )
        start = int(request.query.get("cursor", "0"))
        headers = {}
        if start + self.page < len(names):
            following = self.next_page or f"{self.url}{request.path}"
            query = f"author={request.query['author']}&cursor={start + self.page}"
            headers["Link"] = f'<{following}?{query}>; rel="next"'
        page = [{"id": name, "modelId": name} for name in names[start : start + self.page]]
        return Answer(json.dumps(page).encode(), headers=headers)

    def _write(self, repository: Repository, words: list[str], request: Request) -> Answer:
        """Answer what a client asks before it uploads, and its commit."""
        if not self.token or request.headers.get("authorization") != f"Bearer {self.token}":
            return _refusal(401, "Unauthorized")
        head = repository.find(unquote(words[1]))
        if not head:
            return _refusal(404, "RevisionNotFound")
        if words[0] == "preupload":
            return Answer.of({"files": [self._mode(one) for one in _list(request.json()["files"])]})
        self.before_commit()
        return self._commit(repository, unquote(words[1]), request)

    def _mode(self, file: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if file["size"] >= self.large else "regular"
        ignored = file["path"] in self.ignored
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": ignored, "oid": None}

    def _commit(self, repository: Repository, ref: str, request: Request) -> Answer:
        lines = [json.loads(line) for line in request.body.splitlines()]
        head = repository.find(ref)
        if lines[0]["value"].get("parentCommit", head) != head:
            return _refusal(412, "")
        files = dict(repository.commits[head])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = Lfs(self.uploads[value["oid"]])
            else:
                del files[value["path"]]
        made = repository.commit(files, ref=ref)
        url = f"{self.url}/{repository.name}/commit/{made}"
        return Answer.of({"success": True, "commitOid": made, "commitUrl": url})

    def _upload(self, request: Request) -> Answer:
        """Answer the protocol of large files: where each may be put, and what is put there."""
        if request.method == "PUT":
            self.uploads[request.path.rpartition("/")[2]] = request.body
            return Answer(b"")
        wanted = [
            {
                "oid": one["oid"],
                "size": one["size"],
                "actions": {"upload": {"href": f"{self.url}/upload/{one['oid']}"}},
            }
            for one in _list(request.json()["objects"])
        ]
        return Answer.of({"transfer": "basic", "objects": wanted})

    def _tree(self, repository: Repository, commit: str, request: Request) -> Answer:
        entries = [
            _entry(path, data) | repository.promised.get(path, {})
            for path, data in sorted(repository.commits[commit].items())
        ]
        entries = [*_folders(repository.commits[commit]), *entries, *repository.more_entries]
        start = int(request.query.get("cursor", "0"))
        page = entries[start : start + self.page]
        headers = {}
        if start + self.page < len(entries):
            following = self.next_page or f"{self.url}{request.path}"
            cursor = f"recursive=true&expand=false&cursor={start + self.page}"
            headers["Link"] = f'<{following}?{cursor}>; rel="next"'
        return Answer(json.dumps(page).encode(), headers=headers)

    def _file(self, request: Request) -> Answer:
        """Answer `/[datasets/|spaces/]{owner}/{name}/resolve/{revision}/{path}`."""
        if request.path.endswith("/info/lfs/objects/batch") or request.method == "PUT":
            return self._upload(request)
        place, _, rest = request.path.strip("/").partition("/resolve/")
        folder, _, name = place.partition("/") if place.count("/") > 1 else ("models", "", place)
        repository = self.repositories.get((folder, name))
        if repository is None:
            return _refusal(404, "RepoNotFound")
        denied = self._denied(repository, request)
        if denied:
            return denied
        revision, _, quoted = rest.partition("/")
        commit, path = repository.find(unquote(revision)), unquote(quoted)
        content = repository.commits.get(commit, {}).get(path)
        if content is None:
            return _refusal(404, "EntryNotFound" if commit else "RevisionNotFound")
        return self._content(repository, commit, path, content, request)

    def _content(
        self, repository: Repository, commit: str, path: str, content: Content, request: Request
    ) -> Answer:
        data = repository.served.get(path, _bytes(content))
        kept = content.pointer if isinstance(content, Lfs) else content
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_blob(kept)}"'}
        if isinstance(content, Lfs):
            digest = content.sha256
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content.data))}
            headers |= self._xet(repository, commit, content)
            if self.redirects:
                stored = (
                    f"{self.elsewhere.url}/{repository.folder}/{repository.name}/{commit}/{path}"
                )
                headers["Location"] = self.location or f"{stored}?X-Amz-Signature=presigned-secret"
                return Answer(b"", 302, headers=headers)
            headers["ETag"] = f'"{digest}"'
        return self._ranged(data, request, headers)

    def _xet(self, repository: Repository, commit: str, content: Lfs) -> dict[str, str]:
        """Say where a client of xet would ask; nobody answers there."""
        if not content.xet:
            return {}
        token = f"{self.url}/api/{repository.folder}/{repository.name}/xet-read-token/{commit}"
        return {"X-Xet-Hash": content.xet, "Link": f'<{token}>; rel="xet-auth"'}

    def _stored(self, request: Request) -> Answer:
        folder, owner, name, commit, path = unquote(request.path).lstrip("/").split("/", 4)
        repository = self.repositories[folder, f"{owner}/{name}"]
        content = repository.commits[commit][path]
        data = repository.served.get(path, _bytes(content))
        tag = content.sha256 if isinstance(content, Lfs) else git_blob(content)
        return self._ranged(data, request, {"ETag": f'"{tag}"'})

    def _ranged(self, data: bytes, request: Request, headers: dict[str, str]) -> Answer:
        said = request.headers.get("range", "")
        if not said or not self.ranges:
            return Answer(data, kind="application/octet-stream", headers=headers)
        start = int(said.removeprefix("bytes=").partition("-")[0])
        if start >= len(data):
            return Answer(b"", 416, headers={"Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return Answer(data[start:], 206, "application/octet-stream", headers)

    def _denied(self, repository: Repository, request: Request) -> Answer | None:
        if not (repository.private or repository.gated):
            return None
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer and bearer == self.token:
            return None
        if repository.gated:
            return _refusal(403 if bearer else 401, "GatedRepo")
        return _refusal(401, "RepoNotFound")


def _list(value: object) -> list[dict[str, Any]]:
    assert isinstance(value, list)
    return value


def _bytes(content: Content) -> bytes:
    return content.data if isinstance(content, Lfs) else content


def _entry(path: str, content: Content) -> dict[str, Any]:
    data = _bytes(content)
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
    if isinstance(content, Lfs):
        lfs = {"oid": content.sha256, "size": len(data), "pointerSize": len(content.pointer)}
        entry |= {"oid": git_blob(content.pointer), "lfs": lfs}
        return entry | ({"xetHash": content.xet} if content.xet else {})
    return entry | {"oid": git_blob(data)}


def _folders(files: Mapping[str, Content]) -> list[dict[str, Any]]:
    folders = {path.rpartition("/")[0] for path in files} - {""}
    return [
        {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        for folder in sorted(folders)
    ]


def _refusal(status: int, code: str) -> Answer:
    headers = {"X-Error-Code": code, "X-Error-Message": "as the hub says it"}
    return Answer(b'{"error": "refused"}', status, headers=headers)
