"""Private keys among the files of a release: a signed one would be handed to everybody."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from weightmark.errors import ArtifactRefusedError
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.interface import ByteView

__all__ = ["is_private_key", "refuse_own_secrets", "refuse_private_keys"]

_LARGEST = 64 * 1024
"""bytes; no key file is larger"""
_HEAD = 64
"""bytes in which the first line of a PEM file stands"""
_LENGTH_BYTES = 4
"""bytes of a DER length that are read"""


def refuse_own_secrets(artifact: Artifact, secrets: Sequence[Path]) -> None:
    """Refuse an artifact that holds one of the files `secrets`; raises `ArtifactRefusedError`."""
    own = {_file_id(path) for path in secrets} - {None}
    for entry in artifact.entries if own else ():
        if (entry.device, entry.inode) in own:
            raise _refusal(artifact, entry, "is a key or passphrase with which you sign")


def refuse_private_keys(artifact: Artifact, found: Iterable[Entry]) -> None:
    """Refuse an artifact in which private keys were `found`; raises `ArtifactRefusedError`."""
    for entry in found:
        raise _refusal(artifact, entry, "is a private key")


def is_private_key(view: ByteView) -> bool:
    """Tell whether a file is a private key in PEM, OpenSSH or DER form.

    It guards against a slip, not against an attack: another encoding passes.
    """
    if view.size > _LARGEST:
        return False
    head = view.read_at(0, _HEAD)
    if b"-----BEGIN" in head and b"PRIVATE KEY-----" in head:
        return True
    # A DER key is one SEQUENCE that fills the file; the length rules out nearly all else unread.
    return _sequence_size(head) == view.size and _is_der_key(view.read_at(0, _LARGEST))


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _sequence_size(head: bytes) -> int:
    """Return the size of the DER SEQUENCE that begins here, header included; 0 when none does."""
    if head[:1] != b"\x30" or len(head) < 2:  # noqa: PLR2004 - tag and length
        return 0
    if head[1] < 0x80:  # noqa: PLR2004 - the short form (X.690 §8.1.3.4)
        return 2 + head[1]
    count = head[1] & 0x7F
    return 2 + count + int.from_bytes(head[2 : 2 + count]) if count <= _LENGTH_BYTES else 0


def _is_der_key(data: bytes) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        load_der_private_key(data, None)
    except (TypeError, UnsupportedAlgorithm):
        # It is encrypted, or of a kind that is not known here: a private key all the same.
        return True
    except ValueError:
        return False
    return True


def _refusal(artifact: Artifact, entry: Entry, what: str) -> ArtifactRefusedError:
    name = artifact.name if artifact.single else escape_path(entry.path)
    return ArtifactRefusedError(
        f"`{name}` {what}",
        why="a release is given away, and whoever has the private key can sign in your name",
        fix="move it out of the artifact; if it was published before, make a new key",
    )
