"""How people name who writes to a ledger: key files, fingerprints, and `IDENTITY@ISSUER`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.cli.ledger.entries import kind_of
from weightmark.errors import CallError

if TYPE_CHECKING:
    from weightmark.cli.console import Console
    from weightmark.provenance.ledger.admission import Submitter
    from weightmark.provenance.ledger.log import Ledger

__all__ = [
    "admissions",
    "identified",
    "load_roots",
    "parse_identity",
    "party_named",
    "subject_named",
    "subject_of_entries",
]

_DIGEST = re.compile(r"(?:wm1|sha256|key|salted):[0-9a-f]{64}")
_IDENTITY = re.compile(r"(?P<subject>.+)@(?P<issuer>https?://[^@\s]+)")
_PEM = b"-----BEGIN PUBLIC KEY-----"
_KIND = re.compile(r"(?P<name>.+):(?P<kind>[a-z]+)")


def parse_identity(text: str) -> tuple[str, str] | None:
    """Read `IDENTITY@ISSUER`, the issuer a URL; None for anything else."""
    match = _IDENTITY.fullmatch(text)
    return (match["subject"], match["issuer"]) if match else None


def admissions(words: Sequence[str], root: str) -> "list[Submitter]":
    """Read what `--admit` names: `KEY[:KIND]` or `IDENTITY@ISSUER[:KIND]`, each as often as it has kinds.

    `root` is the trusted root that proves identities. Raises `CallError`.
    """
    from weightmark.attestations.keys import PublicKey
    from weightmark.provenance.ledger.admission import SUBMITTED_KINDS, Submitter

    kinds: dict[str, set[Any]] = {}
    for word in words:
        name, kind = _split_kind(word)
        some = {kind_of(kind, submitted=True)} if kind else SUBMITTED_KINDS
        kinds.setdefault(name, set()).update(some)
    found = []
    for name, allowed in kinds.items():
        identity = parse_identity(name)
        if identity:
            found.append(Submitter.of_identity(*identity, kinds=frozenset(allowed), root=root))
        else:
            found.append(Submitter.from_pem(PublicKey.load(name).pem, frozenset(allowed)))
    return found


def load_roots(path: str | None, *, staging: bool = False) -> tuple[str, dict[str, str]]:
    """Return the name of the trusted root for identities, and its text when it is one's own.

    Raises `CallError` and `TrustMissingError`.
    """
    import hashlib

    from weightmark.attestations.trust.roots import parse_root
    from weightmark.provenance.sidecars import read_named

    if path is None:
        return ("staging" if staging else "public-good"), {}
    data = read_named(Path(path), "trusted root")
    parse_root(data, name=path)
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return name, {name: data.decode()}


def party_named(ledger: "Ledger", text: str) -> str:
    """Return how the log names a key file, a fingerprint or `IDENTITY@ISSUER`; raises `CallError` for nobody."""
    from weightmark.attestations.keys import PublicKey
    from weightmark.provenance.ledger.private import identity_value

    if _DIGEST.fullmatch(text) and text.startswith(("key:", "salted:")):
        return text
    identity = parse_identity(text)
    if identity is None:
        return PublicKey.load(text).identity
    private, value = ledger.home.private, identity_value(*identity)
    for name in private.names():
        opened = private.get(name)
        if opened and opened.value == value:
            return name
    raise CallError(
        f"`{text}` is not known to this ledger",
        why="the log holds salted commitments, and none that can be opened here is about this name",
    )


def identified(console: "Console", path: str) -> str:
    """Read an artifact and return its identity, `wm1:<hex>`; raises what `identify` raises."""
    from weightmark.provenance.identification import identify

    with console.progress(None) as progress:
        return identify(Path(path), progress=progress, jobs=console.jobs).identity


def subject_of_entries(console: "Console", ledger: "Ledger", text: str) -> str:
    """Return what entries are about: a digest as it is, an artifact's identity, or how the log names a signer.

    Raises `CallError` for what names nothing.
    """
    if _DIGEST.fullmatch(text):
        return text
    if parse_identity(text):
        return party_named(ledger, text)
    if not Path(text[:4096]).exists():
        raise CallError(
            f"`{text[:200]}` is no digest, no artifact and no identity",
            fix="name `wm1:<hex>` as `weightmark digest` prints it, `sha256:<hex>`, `key:<hex>`, "
            "a path, or `IDENTITY@https://ISSUER`",
        )
    return party_named(ledger, text) if _is_public_key(Path(text)) else identified(console, text)


def _is_public_key(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_PEM)) == _PEM


def subject_named(console: "Console", ledger: "Ledger", text: str) -> Any:
    """Return what `weightmark revoke` is to revoke: a digest, a folder, a key file, or `IDENTITY@ISSUER`.

    Raises `CallError` for anything else.
    """
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.ledger.revoking import subject_of_identity
    from weightmark.attestations.predicates.revocation import RevocationSubject

    identity = parse_identity(text)
    if identity:
        return subject_of_identity(ledger, *identity)
    if _DIGEST.fullmatch(text) and not text.startswith("salted:"):
        return RevocationSubject(text)
    if Path(text[:4096]).is_dir():
        return RevocationSubject(identified(console, text))
    if not Path(text[:4096]).exists():
        raise CallError(
            f"`{text[:200]}` names nothing that can be revoked",
            fix="name `wm1:<hex>` as `weightmark digest` prints it, `sha256:<hex>`, `key:<hex>`, "
            "the folder of an artifact, the file of a public key, or `IDENTITY@https://ISSUER`",
        )
    return RevocationSubject(PublicKey.load(text).identity)


def _split_kind(word: str) -> tuple[str, str]:
    match = _KIND.fullmatch(word)
    if match is None or Path(word).exists() or match["name"].endswith(("http", "https")):
        return word, ""
    return match["name"], match["kind"]
