"""Statements of 2024 (model-signing 0.2), read only when the caller allows it.

They are weaker: they say neither how files were found nor which were left out.
"""

import re

from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.names import path_problem

__all__ = ["legacy_files"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def legacy_files(statement: Statement) -> dict[str, str]:
    """Return path to SHA-256 hex: every file is a subject; raises `MalformedError`."""
    found: dict[str, str] = {}
    for subject in statement.subjects:
        if path_problem(subject.name) or not subject.name:
            raise MalformedError(f"the file name `{subject.name[:100]}` is not canonical")
        if subject.name in found:
            raise MalformedError(f"the file `{subject.name[:100]}` stands twice")
        if not _SHA256.fullmatch(subject.sha256):
            raise MalformedError(f"the file `{subject.name[:100]}` has no SHA-256")
        found[subject.name] = subject.sha256
    return found
