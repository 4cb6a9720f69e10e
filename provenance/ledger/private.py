"""The erasable side table: what the salted commitments in a log stand for.

Leaves and policies hold `salted:<hex>` in place of whatever names a person. Each commitment has one file
that opens it; without that file nobody can tell whom it means, and the log stays whole.
"""

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

from weightmark.errors import (
    LedgerInconsistentError,
    MalformedError,
    UnsupportedError,
    read_failure,
)
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.files import make_folders, read_file
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = [
    "NoPrivateValues",
    "PrivateStore",
    "PrivateValue",
    "PrivateValues",
    "identity_value",
    "require_opens",
]

_HEADER = b"weightmark-commitment/v1\n"
_PREFIX = "salted:"
_SALT_SIZE = 32
_MAX_VALUE = 16 * 1024


def identity_value(subject: str, issuer: str) -> str:
    """Write an identity as the text that a commitment covers: canonical JSON, so that no two read alike."""
    return canonical_json({"issuer": issuer, "subject": subject}).decode()


@dataclass(frozen=True, slots=True)
class PrivateValue:
    """A value with the salt that hides it."""

    salt: bytes
    """32 random bytes"""
    value: str
    """what is hidden, for an identity `identity_value`"""

    @classmethod
    def hide(cls, value: str) -> Self:
        """Choose a new salt from the system's random source."""
        return cls(secrets.token_bytes(_SALT_SIZE), value)

    @property
    def name(self) -> str:
        """The commitment: `salted:` and SHA-256 hex over a header, the salt and the value."""
        return _PREFIX + hashlib.sha256(_HEADER + self.salt + self.value.encode()).hexdigest()

    @property
    def identity(self) -> tuple[str, str]:
        """Subject and issuer of an identity; raises `MalformedError` for anything else."""
        fields = parse_object(self.value.encode(), what="the private value", max_size=_MAX_VALUE)
        subject, issuer = fields.get("subject"), fields.get("issuer")
        if not isinstance(subject, str) or not isinstance(issuer, str):
            raise MalformedError("the private value is no identity")
        if identity_value(subject, issuer) != self.value:
            raise MalformedError("the private value is not canonical")
        return subject, issuer


class PrivateStore(Protocol):
    """Where the values that open commitments are kept."""

    def put(self, value: PrivateValue) -> None:
        """Store what opens a commitment, durably; raises `ReadError`."""
        ...

    def get(self, name: str) -> PrivateValue | None:
        """Return what opens the commitment `name`; None when it was erased or never stored.

        Raises `LedgerInconsistentError` when what is stored opens something else.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """Return every commitment that can be opened, sorted."""
        ...

    def erase(self, name: str) -> bool:
        """Remove what opens a commitment, for ever; returns whether it was there."""
        ...


class NoPrivateValues:
    """A place that keeps none: a published view, which anybody may read."""

    def put(self, value: PrivateValue) -> None:  # noqa: ARG002 - the protocol's signature
        """Refuse: raises `UnsupportedError`."""
        raise UnsupportedError(
            "a published view keeps no private values", fix="name the ledger itself with `--ledger`"
        )

    def get(self, name: str) -> PrivateValue | None:  # noqa: ARG002 - the protocol's signature
        """Return None: nothing can be opened here."""
        return None

    def names(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def erase(self, name: str) -> bool:  # noqa: ARG002 - the protocol's signature
        """Return that nothing was there."""
        return False


@dataclass(frozen=True, slots=True)
class PrivateValues:
    """A folder with one file a commitment."""

    folder: Path
    """made when something is put; for its owner only"""

    def put(self, value: PrivateValue) -> None:
        """Store what opens a commitment, durably."""
        fields = {"salt": value.salt.hex(), "v": 1, "value": value.value}
        make_folders([self.folder], mode=0o700)
        replace_file(self._path(value.name), canonical_json(fields), mode=0o600)
        sync_folder(self.folder)

    def get(self, name: str) -> PrivateValue | None:
        """Return what opens the commitment `name`; None when it was erased or never stored.

        Raises `LedgerInconsistentError` when the file opens something else.
        """
        path = self._path(name)
        data = read_file(path, max_size=4 * _MAX_VALUE)
        if data is None:
            return None
        found = None
        with suppress(ValueError, KeyError, TypeError, MalformedError):
            fields = parse_object(data, what=f"`{path}`")
            found = PrivateValue(bytes.fromhex(fields["salt"]), str(fields["value"]))
        return require_opens(found, name, str(path))

    def names(self) -> tuple[str, ...]:
        """Return every commitment that can be opened, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(
            sorted(f"{_PREFIX}{one.name}" for one in self.folder.iterdir() if _is_hex(one.name))
        )

    def erase(self, name: str) -> bool:
        """Remove what opens a commitment, for ever; returns whether it was there."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise read_failure(self._path(name), error) from error
        sync_folder(self.folder)
        return True

    def _path(self, name: str) -> Path:
        digest = name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or not _is_hex(digest):
            raise ValueError("a commitment is `salted:` and SHA-256 in lowercase hex")
        return self.folder / digest


def require_opens(found: PrivateValue | None, name: str, place: str) -> PrivateValue:
    """Return `found` if it opens the commitment `name`; raises `LedgerInconsistentError`."""
    if found is None or found.name != name:
        raise LedgerInconsistentError(
            f"`{place}` was changed",
            why=f"it does not open the commitment `{name}`",
            fix="restore it from a backup",
        )
    return found


def _is_hex(text: str) -> bool:
    return len(text) == 2 * hashlib.sha256().digest_size and not set(text) - set("0123456789abcdef")
