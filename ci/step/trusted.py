"""Files that decide, taken from a commit that whoever opened the pull request can't write.

A pull request brings its own policy and its own keys. They don't count: policy, keys and trust
configuration are read from the base of the pull request, and otherwise from the commit of the run,
never from the working tree.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["TrustedFiles", "UntrustedError"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_FILE = re.compile(
    r"(?:pkcs11|awskms|gcpkms|azurekms|hv):.*|(?:key|sha256):[0-9a-f]{64}", re.DOTALL
)
"""keys that `weightmark` looks for in no file; any other word with `:` is a path to it, and to this step"""
_MAX_FILES = 500
_MAX_BYTES = 1 << 20
_MAX_EVENT = 32 << 20
_REGULAR = {"100644", "100755"}
_KINDS = {"040000": "a folder", "120000": "a link", "160000": "a submodule"}
_QUIET = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
_SAFE = ("-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


class UntrustedError(Exception):
    """A file that decides can't be read from a commit that is trusted."""


@dataclass(frozen=True, slots=True)
class TrustedFiles:
    """Where such files come from, and where they are put."""

    workspace: Path
    """where the repository was checked out"""
    commit: str
    """the commit that is trusted, in hex"""
    repository: str
    """the address from which a commit that is missing is fetched"""
    own_names: frozenset[str]
    """`OWNER/NAME` of the repository and of the fork that asks"""
    proposed: bool
    """whether somebody proposes a change"""
    target: Path
    """new folder outside the workspace"""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], target: Path) -> "TrustedFiles":
        """Take the base from GitHub's event, and elsewhere from INPUT_BASE; raises `UntrustedError`."""
        github = environment.get("GITHUB_ACTIONS") == "true"
        return (
            cls._from_event(environment, target)
            if github
            else cls._from_branch(environment, target)
        )

    @classmethod
    def _from_branch(cls, environment: Mapping[str, str], target: Path) -> "TrustedFiles":
        """Fetch the branch that INPUT_BASE names from INPUT_BASE_URL; without one, trust the commit of the run."""
        workspace = Path.cwd()
        base = environment.get("INPUT_BASE", "").removeprefix("refs/heads/")
        repository = environment.get("INPUT_BASE_URL") or "origin"
        if not base:
            commit = _git(workspace, "rev-parse", "HEAD^{commit}").decode().strip()
            return cls(workspace, commit, repository, frozenset(), proposed=False, target=target)
        if base.startswith("-") or repository.startswith("-") or "::" in repository:
            raise UntrustedError("`INPUT_BASE` or `INPUT_BASE_URL` is no branch or no address")
        asked = f"+refs/heads/{base}:refs/weightmark/base"
        _git(workspace, "fetch", *_QUIET, "--depth=1", repository, asked)
        commit = _git(workspace, "rev-parse", "refs/weightmark/base^{commit}").decode().strip()
        return cls(workspace, commit, repository, frozenset(), proposed=True, target=target)

    @classmethod
    def _from_event(cls, environment: Mapping[str, str], target: Path) -> "TrustedFiles":
        event = _event(environment.get("GITHUB_EVENT_PATH", ""))
        asked = _member(event, "pull_request", "base", "sha")
        queued = _member(event, "merge_group", "base_sha")
        commit = asked or queued or environment.get("GITHUB_SHA", "")
        proposed = environment.get("GITHUB_EVENT_NAME", "").startswith(("pull_request", "merge_"))
        if not _COMMIT.fullmatch(commit) or (proposed and not (asked or queued)):
            raise UntrustedError("the runner names no base commit for this event")
        name = environment.get("GITHUB_REPOSITORY", "")
        fork = _member(event, "pull_request", "head", "repo", "full_name")
        return cls(
            workspace=Path(environment.get("GITHUB_WORKSPACE", ".")).resolve(),
            commit=commit,
            repository=f"{environment.get('GITHUB_SERVER_URL', '')}/{name}",
            own_names=frozenset({name.lower(), fork.lower()} - {""}),
            proposed=bool(asked or queued),
            target=target,
        )

    def file(self, word: str) -> str:
        """Return the path of a copy of one file; a key in no file, and a file elsewhere, stay as they are."""
        inside = None if _NO_FILE.fullmatch(word) else self._inside(word)
        return word if inside is None else self._copy(inside, beside=False)

    def policy(self, word: str) -> str:
        """Return the path of a copy of a policy; what stands beside and below it is copied, too."""
        inside = self._inside(word)
        return str(Path(word).absolute()) if inside is None else self._copy(inside, beside=True)

    def holds(self, word: str) -> bool:
        """Return whether a ledger lies in the workspace, where a pull request can write; one with `://` is a server's."""
        return "://" not in word and self._inside(word) is not None

    def _inside(self, word: str) -> Path | None:
        place = Path(os.path.normpath(self.workspace / word))
        real = Path(os.path.realpath(place))
        if place.is_relative_to(self.workspace):
            return place
        return real if real.is_relative_to(self.workspace) else None

    def _copy(self, place: Path, *, beside: bool) -> str:
        top = self._top(place)
        if not place.is_relative_to(top):
            raise UntrustedError(f"`{place}` leads out of its checkout by a link")
        commit = self._commit(top)
        wanted = place.relative_to(top).as_posix()
        folder = place.parent.relative_to(top).as_posix()
        recursive = beside and folder != "."
        below = [] if folder == "." else [f"{folder}/"]
        entries = dict(self._entries(top, commit, below if beside else [wanted], recursive))
        if wanted not in entries:
            raise UntrustedError(self._absence(top, commit, wanted))
        base = self.target / commit
        for name, content in _contents(top, entries):
            copy = base / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        return str(base / wanted)

    def _absence(self, top: Path, commit: str, wanted: str) -> str:
        """Say why a file can't be taken from a commit."""
        listed = _git(top, "ls-tree", "-z", "--full-tree", commit, "--", wanted)
        mode = listed.partition(b" ")[0].decode()
        short = commit[:12]
        if mode in _REGULAR:
            return f"`{wanted}` is larger than 1 MiB in commit {short}"
        if mode:
            return f"`{wanted}` is {_KINDS.get(mode, 'no file')} in commit {short}; name a file"
        if self.proposed and commit == self.commit:
            return (
                f"`{wanted}` is not in commit {short}, which the change is proposed to: a change can't "
                "bring the policy or the keys that judge it, so merge those first"
            )
        return f"`{wanted}` is not in commit {short}; commit it, or correct the name"

    def _top(self, place: Path) -> Path:
        """Return the root of the checkout that a path lies in."""
        existing = next(folder for folder in place.parents if folder.is_dir())
        try:
            shown = _git(existing, "rev-parse", "--show-toplevel")
        except UntrustedError as error:
            raise UntrustedError(
                "the workspace is no git checkout, so nobody knows what was changed in it"
            ) from error
        top = Path(os.fsdecode(shown).removesuffix("\n"))
        if top != self.workspace and not (top / ".git").is_dir():
            raise UntrustedError(
                f"`{place}` lies in a submodule, which a pull request can redirect"
            )
        return top

    def _commit(self, top: Path) -> str:
        """Return the commit that counts in a checkout, and fetch it where it is missing."""
        if not self._is_own(top):
            return _git(top, "rev-parse", "HEAD^{commit}").decode().strip()
        try:
            _git(top, "cat-file", "-e", f"{self.commit}^{{commit}}")
        except UntrustedError:
            try:
                _git(top, "fetch", *_QUIET, "--depth=1", self.repository, self.commit)
            except UntrustedError as error:
                raise UntrustedError(
                    f"the trusted commit {self.commit} is not here and can't be fetched; "
                    "check out with `fetch-depth: 0`"
                ) from error
        return self.commit

    def _is_own(self, top: Path) -> bool:
        """Return whether a checkout is of the repository that is proposed to, or of the fork.

        A workflow may check out a repository of policies as well; no pull request writes there.
        """
        try:
            url = _git(top, "config", "--get", "remote.origin.url").decode().strip()
        except UntrustedError:
            return True
        name = "/".join(re.split(r"[/:]", url.removesuffix("/").removesuffix(".git"))[-2:])
        return top == self.workspace or name.lower() in self.own_names

    def _entries(
        self, top: Path, commit: str, paths: list[str], recursive: bool
    ) -> Iterator[tuple[str, str]]:
        """Yield name and object of the regular files that are small enough."""
        flags = ["-r"] if recursive else []
        listed = _git(top, "ls-tree", "-z", "-l", "--full-tree", *flags, commit, "--", *paths)
        lines = [line for line in listed.split(b"\0") if line]
        if len(lines) > _MAX_FILES:
            raise UntrustedError(
                f"more than {_MAX_FILES} files lie beside the policy; give it a folder of its own"
            )
        for line in lines:
            what, _, name = line.partition(b"\t")
            mode, _, found, size = what.decode().split()
            if mode in _REGULAR and int(size) <= _MAX_BYTES:
                yield os.fsdecode(name), found


def _contents(top: Path, entries: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for name, found in entries.items():
        yield name, _git(top, "cat-file", "blob", found)


def _git(folder: Path, *words: str) -> bytes:
    """Run git; raises `UntrustedError` with its own words."""
    call = ["git", "--literal-pathspecs", *_SAFE, "-C", str(folder), *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    done = subprocess.run(call, capture_output=True, check=False, env=environment)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise UntrustedError(f"git {words[0]}: {said or 'failed'}")
    return done.stdout


def _event(path: str) -> dict[str, Any]:
    """Read the event as the runner wrote it; an empty one where there is none."""
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            event = json.loads(file.read(_MAX_EVENT))
    except (OSError, ValueError) as error:
        raise UntrustedError(f"the event of the run can't be read: {error}") from error
    return event if isinstance(event, dict) else {}


def _member(value: Any, *names: str) -> str:
    """Return a text deep inside a JSON value; empty where it is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
