"""The seam between a ledger and where it lives: a folder, a PostgreSQL database, a published view."""

from contextlib import AbstractContextManager
from typing import Protocol

from weightmark.provenance.ledger.blobs import Blobs
from weightmark.provenance.ledger.cosigned import CosignedNotes
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.private import PrivateStore
from weightmark.provenance.ledger.standing import Standing
from weightmark.provenance.ledger.store.interface import Store
from weightmark.provenance.ledger.view.interface import ViewFiles

__all__ = ["Home"]


class Home(Protocol):
    """Where one ledger lives."""

    @property
    def name(self) -> str:
        """The folder or URL, for messages; never a password."""
        ...

    @property
    def near(self) -> bool:
        """Whether entries are read without a network call for every few of them."""
        ...

    @property
    def foreign(self) -> bool:
        """Whether somebody else keeps it, and its reader names the key that it must have."""
        ...

    @property
    def store(self) -> Store:
        """The truth."""
        ...

    @property
    def blobs(self) -> Blobs:
        """Claims and requests."""
        ...

    @property
    def private(self) -> PrivateStore:
        """What the salted commitments in the log stand for; erasable."""
        ...

    @property
    def cosigned(self) -> CosignedNotes:
        """Checkpoints that witnesses cosigned."""
        ...

    @property
    def view(self) -> ViewFiles | None:
        """The view that is kept beside the truth; None where there is none."""
        ...

    def read_verifier(self) -> NoteVerifier:
        """Return the log's key; raises `CallError` when there is no ledger here."""
        ...

    def read_signer(self, verifier: NoteVerifier) -> NoteSigner:
        """Return the log's private key.

        Raises `TrustMissingError` when it is absent, `LedgerInconsistentError` when it is another
        log's, `UnsupportedError` where nothing can be written.
        """
        ...

    def write_signers(self, *signers: NoteSigner) -> None:
        """Write the private key of the log, or both while two overlap, where it was read.

        Raises as `read_signer` where there is no such file.
        """
        ...

    def write_verifier(self, verifier: NoteVerifier) -> None:
        """Write durably which key the log has from now on."""
        ...

    def standing(self) -> Standing:
        """Say what this copy is for."""
        ...

    def set_standing(self, standing: Standing) -> None:
        """Say from now on what this copy is for, durably."""
        ...

    def publishing(self) -> AbstractContextManager[None]:
        """Wait until no other process publishes."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
