"""A ledger in a PostgreSQL database: entries, claims and standing there, the private key elsewhere."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from weightmark.errors import LedgerInconsistentError, ReadError, TrustMissingError
from weightmark.provenance.ledger.blobs import (
    BlobState,
    checked_blob,
    not_the_blob,
    require_digest,
)
from weightmark.provenance.ledger.cosigned import CosignedNote
from weightmark.provenance.ledger.files import write_text_file
from weightmark.provenance.ledger.home.folder import read_log_signer
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.private import PrivateValue, require_opens
from weightmark.provenance.ledger.standing import LIVE, Standing
from weightmark.provenance.ledger.store.postgres import PostgresStore

__all__ = ["PostgresHome"]

_PUBLISHER = 0x774D4C48


class PostgresHome:
    """A ledger in a database."""

    def __init__(self, url: str, *, log_key: Path | None = None) -> None:
        """Name the database, and for a writer the file of the log's private key."""
        self.store = PostgresStore(url)
        self._log_key = log_key

    @property
    def name(self) -> str:
        """The URL without user and password."""
        return self.store.name

    @property
    def foreign(self) -> bool:
        """No: its key lies beside it."""
        return False

    @property
    def near(self) -> bool:
        """Yes: a database answers in large batches."""
        return True

    @property
    def blobs(self) -> "PostgresBlobs":
        """Claims and requests, in the same database."""
        return PostgresBlobs(self.store)

    @property
    def private(self) -> "PostgresPrivateValues":
        """What opens salted commitments, in the same database."""
        return PostgresPrivateValues(self.store)

    @property
    def cosigned(self) -> "PostgresCosigned":
        """Checkpoints that witnesses cosigned, in the same database."""
        return PostgresCosigned(self.store)

    @property
    def view(self) -> None:
        """No view is kept beside it: `weightmark ledger publish` writes one where it is asked to."""

    def read_verifier(self) -> NoteVerifier:
        """Return the key that the ledger was made with."""
        return NoteVerifier.parse(self.store.log())

    def read_signer(self, verifier: NoteVerifier) -> NoteSigner:
        """Read the private key from the file that was named."""
        return read_log_signer(self._key_file(), verifier)

    def write_signers(self, *signers: NoteSigner) -> None:
        """Write the private key of the log, or both while two overlap, to the file that was named."""
        write_text_file(self._key_file(), "\n".join(one.skey for one in signers), mode=0o600)

    def write_verifier(self, verifier: NoteVerifier) -> None:
        """Write which key the log has from now on."""
        with self.store.session(whole=True) as db:
            db.execute("update weightmark.log set vkey = %s", (verifier.vkey,))

    def standing(self) -> Standing:
        """Read what this copy is for."""
        with self.store.session() as db:
            row = db.execute("select standing from weightmark.log").fetchone()
        if row is None:
            raise LedgerInconsistentError(f"the ledger in `{self.name}` lost its standing")
        return LIVE if row[0] is None else Standing.parse(bytes(row[0]))

    def set_standing(self, standing: Standing) -> None:
        """Write what this copy is for; inside a write it is part of that transaction."""
        with self.store.session(whole=True) as db:
            db.execute("update weightmark.log set standing = %s", (standing.to_bytes(),))

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold an advisory lock while a view is written."""
        with self.store.session(whole=False) as db:
            db.execute("select pg_advisory_lock(%s)", (_PUBLISHER,))
        try:
            yield
        finally:
            with self.store.session(whole=False) as db:
                db.execute("select pg_advisory_unlock(%s)", (_PUBLISHER,))

    def close(self) -> None:
        """Let go of the connections."""
        self.store.close()

    def _key_file(self) -> Path:
        if self._log_key is None:
            raise TrustMissingError(
                f"the private key of the ledger in `{self.name}` was not named, so nothing can be appended",
                why="a database does not hold it",
                fix="name it with `--log-key log.key`",
            )
        return self._log_key


class PostgresBlobs:
    """Blobs in the table `blob`; while the log is written, in the same transaction."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Store blobs, all or none."""
        rows = [(bytes.fromhex(require_digest(one)), data) for one, data in sorted(blobs.items())]
        with self._store.session(whole=True) as db, db.cursor() as cursor:
            cursor.executemany(
                "insert into weightmark.blob values(%b, %b) on conflict do nothing", rows
            )

    def get(self, digest: str) -> bytes:
        """Return a blob that is what its name says; see `Blobs`."""
        return checked_blob(digest, self._read(digest), f"{self._store.name}#claims/{digest}")

    def size(self, digest: str) -> int:
        """Return the bytes of a blob that is what its name says, which the database computes; see `Blobs`."""
        row = self._one("octet_length(data), sha256(data)", digest)
        if row is None or bytes(row[1]).hex() != digest:
            raise not_the_blob(f"{self._store.name}#claims/{digest}", missing=row is None)
        return int(row[0])

    def piece(self, digest: str, start: int, count: int) -> bytes:
        """Return bytes of a blob; see `Blobs`."""
        row = self._one(f"substring(data from {start + 1:d} for {count:d})", digest)
        if row is None:
            raise not_the_blob(f"{self._store.name}#claims/{digest}", missing=True)
        return bytes(row[0])

    def state(self, digest: str) -> BlobState:
        """Say whether a blob is present, missing, damaged or unreadable."""
        try:
            data = self._read(digest)
        except ReadError:
            return BlobState.UNREADABLE
        if data is None:
            return BlobState.MISSING
        same = hashlib.sha256(data).hexdigest() == digest
        return BlobState.PRESENT if same else BlobState.DAMAGED

    def erase(self, digest: str) -> bool:
        """Remove a blob for ever; returns whether it was there."""
        with self._store.session(whole=True) as db:
            done = db.execute(
                "delete from weightmark.blob where digest = %s",
                (bytes.fromhex(require_digest(digest)),),
            )
        return done.rowcount > 0

    def _read(self, digest: str) -> bytes | None:
        row = self._one("data", digest)
        return None if row is None else bytes(row[0])

    def _one(self, what: str, digest: str) -> tuple[Any, ...] | None:
        """Return columns of the row of a blob; `what` holds nothing of others."""
        with self._store.session() as db, db.cursor(binary=True) as cursor:
            cursor.execute(
                f"select {what} from weightmark.blob where digest = %b",  # noqa: S608 - our own columns
                (bytes.fromhex(require_digest(digest)),),
            )
            row: tuple[Any, ...] | None = cursor.fetchone()
        return row


class PostgresPrivateValues:
    """The erasable table `private_value`; see `PrivateStore`."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def put(self, value: PrivateValue) -> None:
        """Store what opens a commitment."""
        with self._store.session(whole=True) as db:
            db.execute(
                "insert into weightmark.private_value values(%s, %s, %s) on conflict do nothing",
                (value.name, value.salt, value.value),
            )

    def get(self, name: str) -> PrivateValue | None:
        """Return what opens a commitment; None when there is nothing."""
        with self._store.session() as db:
            row = db.execute(
                "select salt, value from weightmark.private_value where name = %s", (name,)
            ).fetchone()
        if row is None:
            return None
        found = PrivateValue(bytes(row[0]), str(row[1]))
        return require_opens(found, name, f"{self._store.name}#private_value")

    def names(self) -> tuple[str, ...]:
        """Return every commitment that can be opened, sorted."""
        with self._store.session() as db:
            rows = db.execute("select name from weightmark.private_value order by name").fetchall()
        return tuple(str(row[0]) for row in rows)

    def erase(self, name: str) -> bool:
        """Remove what opens a commitment."""
        with self._store.session(whole=True) as db:
            done = db.execute("delete from weightmark.private_value where name = %s", (name,))
        return done.rowcount > 0


class PostgresCosigned:
    """Cosigned checkpoints in the table `cosigned`; see `CosignedNotes`."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    def put(self, size: int, kept: CosignedNote) -> None:
        """Keep a checkpoint."""
        with self._store.session(whole=True) as db:
            db.execute(
                "insert into weightmark.cosigned values(%s, %s, %s)"
                " on conflict(size) do update set newest = excluded.newest, first = excluded.first",
                (size, kept.newest, kept.first),
            )

    def get(self, size: int) -> CosignedNote | None:
        """Return the checkpoint of `size` entries."""
        with self._store.session() as db:
            row = db.execute(
                "select newest, first from weightmark.cosigned where size = %s", (size,)
            ).fetchone()
        return None if row is None else CosignedNote(bytes(row[0]), bytes(row[1]))

    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of which there is one, rising."""
        with self._store.session() as db:
            rows = db.execute("select size from weightmark.cosigned order by size").fetchall()
        return tuple(int(row[0]) for row in rows)
