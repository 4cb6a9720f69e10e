"""Signed notes and their keys (C2SP signed-note v1.0.0): text, blank line, signature lines.

Only Ed25519 (type 0x01) signs and verifies here; lines by other keys are kept as they are. Lines of
witnesses (types 0x04 and 0x06) are read by `witnessing.cosignature`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import field

from weightmark.errors import (
    LimitError,
    MalformedError,
    TamperedError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.values import dataclass

__all__ = [
    "ED25519",
    "MAX_NOTE_SIZE",
    "MAX_SIGNATURES",
    "NoteSigner",
    "NoteVerifier",
    "SignatureLine",
    "VerifiedNote",
    "check_key_name",
    "compute_key_id",
    "decode_base64",
    "decode_hash",
    "open_note",
    "parse_lines",
    "require_strong_ed25519",
    "split_key",
    "split_note",
]

ED25519 = 0x01
"""the key type of a log"""
MAX_NOTE_SIZE = 1024 * 1024
"""bytes"""
MAX_SIGNATURES = 100
"""lines; the specification asks for at least 16"""

_DASH = "\u2014 ".encode()
_KEY_ID_SIZE = 4
_SEED_SIZE = 32
_SIGNATURE_SIZE = 64
_HASH_SIZE = 32
_MAX_NAME_SIZE = 255
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_NEVER_NAMED = re.compile(r"[+\x00-\x1f\s]")
_SEAL = object()

_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
"""y coordinates of the eight points of small order on edwards25519 (RFC 8032 §5.1)"""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature line; reading it proves nothing."""

    name: str
    """the key's name"""
    key_id: bytes
    """4 bytes"""
    signature: bytes
    """what follows the key id"""

    def to_bytes(self) -> bytes:
        """Return the line as it stands in a note, with its newline."""
        encoded = base64.b64encode(self.key_id + self.signature)
        return _DASH + self.name.encode() + b" " + encoded + b"\n"


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A note with at least one good signature by a known key; only `open_note` makes it."""

    text: bytes
    """what was signed; ends in a newline"""
    signers: tuple["NoteVerifier", ...]
    """the known keys whose signatures are good"""
    unknown: tuple[SignatureLine, ...]
    """lines by keys that are not known; they prove nothing"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `open_note` makes a VerifiedNote")


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key with a name."""

    name: str
    """for a log: its origin"""
    public_key: bytes
    """32 bytes, Ed25519"""

    @classmethod
    def parse(cls, vkey: str) -> "NoteVerifier":
        """Read `<name>+<key id hex>+<base64(type || key)>`; raises `MalformedError` or `UnsupportedError`."""
        name, key_id, key = split_key(vkey, "verifier key")
        if not key or key[0] != ED25519 or len(key) != 1 + _SEED_SIZE:
            raise UnsupportedError(
                f"the verifier key of `{name}` is not an Ed25519 key",
                why="a log's key has the type 0x01",
            )
        verifier = cls(name, key[1:])
        require_strong_ed25519(verifier.public_key, name)
        if verifier.key_id.hex() != key_id:
            raise MalformedError(f"the key id of the verifier key of `{name}` is not its own")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, key)."""
        return compute_key_id(self.name, ED25519, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as C2SP clients take it."""
        encoded = base64.b64encode(bytes([ED25519]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @property
    def fingerprint(self) -> str:
        """`key:` and the SHA-256 hex of the key's DER SubjectPublicKeyInfo (RFC 8410)."""
        spki = bytes.fromhex("302a300506032b6570032100") + self.public_key
        return f"key:{hashlib.sha256(spki).hexdigest()}"

    def check(self, text: bytes, signature: bytes) -> None:
        """Raise `TamperedError` unless the signature over `text` is good."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except InvalidSignature as error:
            raise TamperedError(f"the signature by `{self.name}` on a note is not good") from error


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private Ed25519 key with a name."""

    name: str
    """for a log: its origin"""
    seed: bytes = field(repr=False)
    """32 bytes, secret"""

    @classmethod
    def generate(cls, name: str) -> "NoteSigner":
        """Make a new key from the system's random source."""
        import secrets

        return cls(name, secrets.token_bytes(_SEED_SIZE))

    @classmethod
    def parse(cls, skey: str) -> "NoteSigner":
        """Read `PRIVATE+KEY+<name>+<key id hex>+<base64(type || seed)>`; raises `MalformedError`."""
        prefix = "PRIVATE+KEY+"
        if not skey.startswith(prefix):
            raise MalformedError("the log key is not a private note key")
        name, key_id, key = split_key(skey.removeprefix(prefix), "log key")
        if len(key) != 1 + _SEED_SIZE or key[0] != ED25519:
            raise UnsupportedError("the log key is not an Ed25519 key")
        signer = cls(name, key[1:])
        if signer.verifier.key_id.hex() != key_id:
            raise MalformedError("the key id of the log key is not its own")
        return signer

    @property
    def skey(self) -> str:
        """The private key as text; secret."""
        encoded = base64.b64encode(bytes([ED25519]) + self.seed).decode()
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    @property
    def verifier(self) -> NoteVerifier:
        """The public half."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return NoteVerifier(self.name, public.public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the signed note over `text`, which must end in a newline."""
        return text + b"\n" + self.line(text)

    def line(self, text: bytes) -> bytes:
        """Return one signature line over `text`, to be added to a note."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        _check_text(text)
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        key_id = compute_key_id(self.name, ED25519, key.public_key().public_bytes_raw())
        return SignatureLine(self.name, key_id, key.sign(text)).to_bytes()


def open_note(
    note: bytes, verifiers: Iterable[NoteVerifier], *, max_size: int = MAX_NOTE_SIZE
) -> VerifiedNote:
    """Check the signatures of known keys; a key that signed twice is listed once.

    Raises `MalformedError`, `TamperedError` when a known key's signature is bad, and
    `WrongSignerError` when no known key signed.
    """
    text, lines = split_note(note, max_size=max_size)
    known = {(one.name, one.key_id): one for one in verifiers}
    signers: list[NoteVerifier] = []
    unknown: list[SignatureLine] = []
    for line in lines:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            unknown.append(line)
        elif len(line.signature) != _SIGNATURE_SIZE:
            raise TamperedError(f"the signature by `{line.name}` on a note is not good")
        else:
            verifier.check(text, line.signature)
            if verifier not in signers:
                signers.append(verifier)
    if not signers:
        names = ", ".join(f"`{line.name}`" for line in lines[:5])
        raise WrongSignerError(f"the note is signed by {names}, and by no known key")
    return VerifiedNote(text, tuple(signers), tuple(unknown), _SEAL)


def split_note(
    note: bytes, *, max_size: int = MAX_NOTE_SIZE
) -> tuple[bytes, tuple[SignatureLine, ...]]:
    """Split a note into its text and its signature lines; raises `MalformedError` or `LimitError`."""
    if len(note) > max_size:
        raise LimitError(f"the note is over {max_size} bytes")
    _check_text(note)
    text, blank, signatures = note.rpartition(b"\n\n")
    if not blank or not signatures:
        raise MalformedError("the note has no signatures")
    return text + b"\n", parse_lines(signatures)


def parse_lines(data: bytes) -> tuple[SignatureLine, ...]:
    """Read signature lines alone, as a witness answers with; raises `MalformedError` or `LimitError`."""
    if len(data) > MAX_NOTE_SIZE:
        raise LimitError(f"the signatures are over {MAX_NOTE_SIZE} bytes")
    _check_text(data)
    rows = data[:-1].split(b"\n")
    if len(rows) > MAX_SIGNATURES:
        raise LimitError(f"the note has more than {MAX_SIGNATURES} signatures")
    return tuple(_parse_line(row) for row in rows)


def decode_base64(text: str, what: str) -> bytes:
    """Decode standard base64 that is canonical; raises `MalformedError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise MalformedError(f"{what} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise MalformedError(f"{what} is not canonical base64")
    return data


def split_key(key: str, what: str) -> tuple[str, str, bytes]:
    """Split `<name>+<key id hex>+<base64>` into name, key id in hex, and type with key.

    Raises `MalformedError`.
    """
    parts = key.split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):  # noqa: PLR2004 - name, key id, key
        raise MalformedError(f"the {what} is not `<name>+<key id>+<base64>`")
    return parts[0], parts[1], decode_base64(parts[2], f"the {what}")


def decode_hash(text: str, what: str) -> bytes:
    """Decode a SHA-256 hash in canonical base64; raises `MalformedError`."""
    digest = decode_base64(text, what)
    if len(digest) != _HASH_SIZE:
        raise MalformedError(f"{what} is not {_HASH_SIZE} bytes")
    return digest


def compute_key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """Return the first 4 bytes of SHA-256(name, newline, type, key)."""
    named = name.encode() + b"\n" + bytes([kind]) + public_key
    return hashlib.sha256(named).digest()[:_KEY_ID_SIZE]


def check_key_name(name: str) -> None:
    """Raise `MalformedError` unless `name` may name a key: 1 to 255 bytes, no space, control or `+`."""
    if not _is_name(name) or len(name.encode()) > _MAX_NAME_SIZE:
        raise MalformedError(
            f"`{name[:80]}` cannot name a key",
            why=f"a name has 1 to {_MAX_NAME_SIZE} bytes, no white space and no `+`",
            fix="write it as a URL without scheme, for example `witness.example.com/one`",
        )


def require_strong_ed25519(public_key: bytes, name: str) -> None:
    """Refuse keys under which anybody can sign: points of small order, and second spellings of points.

    Raises `MalformedError` (RFC 8032 §5.1.3 and §5.1.7).
    """
    y = int.from_bytes(public_key, "little") & ~(1 << 255)
    if y >= _FIELD or y in _SMALL_ORDER:
        raise MalformedError(
            f"the key of `{name}` is a weak Ed25519 key",
            why="signatures by it can be made without its private half",
        )


def _parse_line(row: bytes) -> SignatureLine:
    name, space, encoded = row.removeprefix(_DASH).decode().partition(" ")
    if not row.startswith(_DASH) or not space or not _is_name(name):
        raise MalformedError("the note has a malformed signature line")
    data = decode_base64(encoded, "a signature of the note")
    if len(data) <= _KEY_ID_SIZE:
        raise MalformedError("the note has a signature that is too short")
    return SignatureLine(name, data[:_KEY_ID_SIZE], data[_KEY_ID_SIZE:])


def _check_text(text: bytes) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"the note is not UTF-8 at byte {error.start}") from error
    if _CONTROL.search(text) or not text.endswith(b"\n"):
        raise MalformedError("the note holds control characters or does not end in a newline")


def _is_name(name: str) -> bool:
    return bool(name) and not _NEVER_NAMED.search(name)
