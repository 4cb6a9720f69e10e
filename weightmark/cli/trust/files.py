"""Where trust files are written, and how."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from weightmark.cli.options.trust import trust_directory
from weightmark.cli.places import require_folder_of
from weightmark.errors import CallError, SettingsError
from weightmark.values import dataclass

__all__ = ["Entry", "edit_file", "target", "write_entries"]


def target(word: str) -> Path:
    """Return the trust file that a name or a path means, whether it exists or not; raises `CallError`."""
    from weightmark.attestations.trust.roots import BUILT_IN_ROOTS
    from weightmark.attestations.trust.trust_file import find_trust_file, is_trust_file

    if is_trust_file(word):
        require_folder_of(Path(word))
        return Path(word)
    if word in BUILT_IN_ROOTS:
        raise CallError(f"`{word}` is a root that comes with weightmark", fix="choose another name")
    path = trust_directory() / f"{word}.toml"
    if not path.exists():
        # The name is checked as when it is looked up; that it is not there yet is what is wanted.
        try:
            find_trust_file(word, trust_directory())
        except CallError as error:
            if "is no name" in error.what:
                raise
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


@dataclass(frozen=True, slots=True)
class Entry:
    """A table of a trust file that is to be written."""

    kind: str
    """`keys`, `certificates`, `identities`, `roots` or `timestamp_authorities`"""
    label: str
    """its name"""
    values: Mapping[str, str | bool | datetime]
    """its fields"""

    @property
    def name(self) -> str:
        """The dotted name of the table."""
        return f"{self.kind}.{self.label}"


def write_entries(path: Path, entries: Sequence[Entry], *, replace: bool = False) -> str:
    """Put entries into a trust file, all or none.

    Returns the SHA-256 of the new text, lowercase hex. Raises `CallError` and whatever reading raises.
    """
    from weightmark.attestations.trust.editing import with_entry

    def edit(text: str) -> str:
        for entry in entries:
            text = with_entry(text, entry.kind, entry.label, entry.values, replace=replace)
        return text

    return edit_file(path, edit, broken=replace)


def edit_file(path: Path, edit: Callable[[str], str], *, broken: bool = False) -> str:
    """Edit the text of a trust file, read the result as `--trust` will, and only then write it.

    `broken` lets the file as it stands be unreadable, for an edit that mends it. Returns the
    SHA-256 of the new text, lowercase hex. Raises `CallError` and whatever reading raises.
    """
    from weightmark.attestations.trust.trust_file import load_trust_file, parse_trust_file
    from weightmark.provenance.atomic import exclusive, replace_file
    from weightmark.provenance.sidecars import read_bounded

    with exclusive(path.parent):
        old = ""
        if path.exists():
            if not broken:
                load_trust_file(path)
            old = read_bounded(path).decode("utf-8")
        text = edit(old).encode()
        try:
            parse_trust_file(
                text, source=str(path), read=lambda name: read_bounded(path.parent / name)
            )
        except SettingsError as error:
            raise CallError(
                f"the trust file was not written: {error.what}", why=error.why, fix=error.fix
            ) from error
        replace_file(path, text)
    return hashlib.sha256(text).hexdigest()
