"""Where trust files are written, and how."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from weightmark.cli.places import require_folder_of
from weightmark.cli.trust_options import trust_directory
from weightmark.errors import CallError, SettingsError

__all__ = ["target", "write_entry"]


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


def write_entry(
    path: Path,
    kind: str,
    label: str,
    values: Mapping[str, str | bool | datetime],
    *,
    replace: bool = False,
) -> str:
    """Put an entry into a trust file, read the result as `--trust` will, and only then write it.

    Returns the SHA-256 of the new text, lowercase hex. Raises `CallError` and whatever reading raises.
    """
    from weightmark.attestations.trust.editing import with_entry
    from weightmark.attestations.trust.trust_file import load_trust_file, parse_trust_file
    from weightmark.provenance.atomic import exclusive, replace_file
    from weightmark.provenance.sidecars import read_bounded

    with exclusive(path.parent):
        old = ""
        if path.exists():
            if not replace:
                load_trust_file(path)
            old = read_bounded(path).decode("utf-8")
        text = with_entry(old, kind, label, values, replace=replace).encode()
        try:
            parse_trust_file(
                text, source=str(path), read=lambda name: read_bounded(path.parent / name)
            )
        except SettingsError as error:
            raise CallError(
                f"the entry was not written: {error.what}", why=error.why, fix=error.fix
            ) from error
        replace_file(path, text)
    return hashlib.sha256(text).hexdigest()
