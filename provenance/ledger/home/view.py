"""A published view as a ledger that is only read: its files, and a log key that the reader names."""

from contextlib import AbstractContextManager
from functools import cached_property

from weightmark.errors import CallError, TrustNotSaidError, UnsupportedError
from weightmark.provenance.ledger.blobs import ViewBlobs
from weightmark.provenance.ledger.cosigned import NoCosigned
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.private import NoPrivateValues
from weightmark.provenance.ledger.standing import LIVE, Standing
from weightmark.provenance.ledger.store.static import StaticStore
from weightmark.provenance.ledger.view.folder import FolderView
from weightmark.provenance.ledger.view.interface import CHECKPOINT, ViewFiles

__all__ = ["ViewHome"]


class ViewHome:
    """The files below a folder or URL."""

    def __init__(self, files: ViewFiles, vkey: str) -> None:
        """Name the files, and the log's verifier key: whoever holds the files could swap it."""
        self._files = files
        self._vkey = vkey

    @property
    def name(self) -> str:
        """The folder or URL."""
        return self._files.name

    @property
    def foreign(self) -> bool:
        """Yes."""
        return True

    @property
    def near(self) -> bool:
        """Whether the files lie on this machine."""
        return isinstance(self._files, FolderView)

    @cached_property
    def store(self) -> StaticStore:
        """The files."""
        return StaticStore(self._files)

    @property
    def blobs(self) -> ViewBlobs:
        """What was published of claims and requests."""
        return ViewBlobs(self._files)

    @property
    def private(self) -> NoPrivateValues:
        """Nothing: a view is public."""
        return NoPrivateValues()

    @property
    def cosigned(self) -> NoCosigned:
        """Nothing: what witnesses added to the published checkpoint stands there."""
        return NoCosigned()

    @property
    def view(self) -> None:
        """The view is the ledger itself: there is nothing beside it to compare."""

    def read_verifier(self) -> NoteVerifier:
        """Return the key that the reader named."""
        if self._files.get(CHECKPOINT) is None:
            raise CallError(f"there is no ledger at `{self.name}`", why="it has no `checkpoint`")
        if not self._vkey:
            raise TrustNotSaidError(
                f"whose log is published at `{self.name}` was not said",
                why="whoever holds the files could put another log there, with another key",
                fix="name the log's verifier key with `--log-key log.vkey`",
            )
        return NoteVerifier.parse(self._vkey)

    def read_signer(self, verifier: NoteVerifier) -> NoteSigner:  # noqa: ARG002 - as in `Home`
        """Refuse: a view is only read."""
        raise self._refusal()

    def write_signers(self, *signers: NoteSigner) -> None:  # noqa: ARG002 - as in `Home`
        """Refuse: a view is only read."""
        raise self._refusal()

    def write_verifier(self, verifier: NoteVerifier) -> None:  # noqa: ARG002 - as in `Home`
        """Refuse: a view is only read."""
        raise self._refusal()

    def standing(self) -> Standing:
        """A view follows its ledger."""
        return LIVE

    def set_standing(self, standing: Standing) -> None:  # noqa: ARG002 - as in `Home`
        """Refuse: a view is only read."""
        raise self._refusal()

    def publishing(self) -> AbstractContextManager[None]:
        """Refuse: a view is only read."""
        raise self._refusal()

    def close(self) -> None:
        """Do nothing."""

    def _refusal(self) -> UnsupportedError:
        return UnsupportedError(
            f"`{self.name}` is the published view of a ledger, which is only read",
            fix="append to the ledger itself",
        )
