"""Addresses on the hub: `hf://[models/|datasets/|spaces/]owner/name[@revision]`."""

import re
from typing import Self
from urllib.parse import quote

from weightmark.errors import CallError
from weightmark.provenance.sources.addresses import printable_uri
from weightmark.provenance.sources.interface import ArtifactKind
from weightmark.values import dataclass

__all__ = ["COMMIT", "HubAddress"]

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_KINDS = {
    "models": ArtifactKind.MODEL,
    "datasets": ArtifactKind.DATASET,
    "spaces": ArtifactKind.SPACE,
}
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?\Z")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}\Z")
_DEFAULT = "main"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """One repository at one revision."""

    folder: str
    """`models`, `datasets` or `spaces`"""
    repository: str
    """`owner/name`, or `name` for the few old ones without an owner"""
    revision: str
    """branch, tag, `refs/pr/N` or commit"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI; raises `CallError` for anything else."""
        scheme, _, rest = uri.partition("://")
        place, at, revision = rest.partition("@")
        words = place.split("/")
        folder = words.pop(0) if words[0] in _KINDS and len(words) > 1 else "models"
        revision = revision if at else _DEFAULT
        sound = (
            scheme == "hf"
            and 1 <= len(words) <= 2  # noqa: PLR2004 - owner and name
            and all(_WORD.match(word) and "--" not in word and ".." not in word for word in words)
            and not words[-1].endswith(".git")
            and _is_revision(revision)
        )
        if not sound:
            raise CallError(
                f"`{printable_uri(uri)}` is no address on the hub",
                fix="write `hf://owner/name@revision`, with `datasets/` or `spaces/` before the owner where it is one",
            )
        return cls(folder, "/".join(words), revision)

    @property
    def kind(self) -> ArtifactKind:
        """What the hub keeps there."""
        return _KINDS[self.folder]

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, so that it can't move."""
        return COMMIT.match(self.revision) is not None

    def at(self, revision: str) -> Self:
        """Return the same repository at another revision."""
        return type(self)(self.folder, self.repository, revision)

    @property
    def uri(self) -> str:
        """The canonical spelling."""
        return f"hf://{self.folder}/{self.repository}@{self.revision}"

    def revision_url(self, endpoint: str) -> str:
        """Return where the hub says which commit a revision is."""
        return f"{self._api(endpoint)}/revision/{quote(self.revision, safe='')}"

    def tree_url(self, endpoint: str) -> str:
        """Return where the hub lists the files."""
        return f"{self._api(endpoint)}/tree/{quote(self.revision, safe='')}?recursive=true&expand=false"

    def file_url(self, endpoint: str, path: str) -> str:
        """Return where the hub serves a file."""
        prefix = "" if self.folder == "models" else f"/{self.folder}"
        return (
            f"{endpoint}{prefix}/{self.repository}/resolve/{quote(self.revision, safe='')}"
            f"/{quote(path, safe='/')}"
        )

    def _api(self, endpoint: str) -> str:
        return f"{endpoint}/api/{self.folder}/{self.repository}"


def _is_revision(text: str) -> bool:
    return bool(_REVISION.match(text)) and ".." not in text and "//" not in text
