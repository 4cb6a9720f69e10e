"""What a bundle's signature is about: a statement in the bundle, or the bytes of a file elsewhere."""

import hashlib
import re
from typing import Self

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.bundles.message_signature import MessageSignature
from weightmark.attestations.keys import PublicKey
from weightmark.errors import CallError, TamperedError, UnsupportedError
from weightmark.values import dataclass

__all__ = ["Signed", "SignedFile"]

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_ALGORITHMS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file that a message signature is about, as its bytes or as its digest alone."""

    sha256: bytes
    """32 bytes"""
    data: bytes | None
    """the bytes; None when only the digest is known"""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Take the bytes of the file."""
        return cls(hashlib.sha256(data).digest(), data)

    @classmethod
    def known_by(cls, digest: str) -> Self:
        """Take `sha256:<hex>` alone; raises `CallError`."""
        match = _SHA256.match(digest)
        if match is None:
            raise CallError(f"`{digest[:100]}` is no SHA-256 digest", fix="write `sha256:<64 hex>`")
        return cls(bytes.fromhex(match[1]), None)

    def digest(self, algorithm: str) -> bytes:
        """Return the file's digest; raises `UnsupportedError` when only another one is known."""
        if algorithm == "sha256":
            return self.sha256
        if self.data is None:
            raise UnsupportedError(f"the {algorithm} of the file is not known", fix="name the file")
        return hashlib.new(algorithm, self.data).digest()


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and what it covers."""

    signature: bytes
    """raw signature"""
    message: SignedFile
    """the covered bytes: a PAE, or a file"""
    envelope: Envelope | None
    """the statement's envelope; None for a file"""

    @classmethod
    def of(cls, bundle: Bundle, file: SignedFile | None) -> Self:
        """Take what `bundle` signs; raises `UnsupportedError` when that is a file and none is given.

        Raises `TamperedError` when the bundle names another digest than the file has.
        """
        if isinstance(bundle.content, Envelope):
            envelope = bundle.content
            return cls(envelope.signature, SignedFile.of(envelope.pae), envelope)
        if file is None:
            raise UnsupportedError(
                "the bundle signs bytes instead of a statement",
                why="a signature over the bytes of one file says nothing of a model",
            )
        _check_said_digest(bundle.content, file)
        return cls(bundle.content.signature, file, None)

    def is_by(self, key: PublicKey) -> bool:
        """Tell whether `key` made the signature; ECDSA signatures are DER, and bare r and s is none."""
        if self.message.data is not None:
            return key.verifies(self.signature, self.message.data)
        return _verifies_digest(key, self.signature, self.message)


def _check_said_digest(said: MessageSignature, file: SignedFile) -> None:
    if said.algorithm and file.digest(_ALGORITHMS[said.algorithm]) != said.digest:
        raise TamperedError(
            "the file is not the one that was signed", why="the bundle names another digest"
        )


def _verifies_digest(key: PublicKey, signature: bytes, file: SignedFile) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    from weightmark.attestations.keys.kinds import hash_for

    if not isinstance(key.key, EllipticCurvePublicKey):
        raise UnsupportedError(
            "a signature of this kind covers the file, and only its digest is known",
            fix="name the file",
        )
    algorithm = hash_for(key.kind)
    try:
        key.key.verify(signature, file.digest(algorithm.name), ECDSA(Prehashed(algorithm)))
    except InvalidSignature:
        return False
    return True
