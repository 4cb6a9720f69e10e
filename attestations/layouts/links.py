"""Writing a link that the `in-toto` library verifies: materials, products and the step's name, in a DSSE envelope."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.signers.timestamped import TimestampedSigner
from weightmark.errors import CallError, ExtraMissingError
from weightmark.provenance.identification import Identification

__all__ = [
    "artifact_rules",
    "in_toto_key",
    "key_id",
    "link_name",
    "require_in_toto",
    "require_link_signer",
    "sign_link",
]

_ID_LENGTH = 8


def require_in_toto() -> None:
    """Raise `ExtraMissingError` without the library."""
    from importlib.util import find_spec

    if find_spec("in_toto") is None:
        raise ExtraMissingError(
            "links and layouts of in-toto need its library",
            fix="install it with `pip install 'weightmark[layout]'`",
        )


def key_id(key: PublicKey) -> str:
    """Return the id by which layouts name a key; raises `ExtraMissingError` without the library."""
    return str(in_toto_key(key)["keyid"])


def require_link_signer(signer: Signer) -> KeySigner:
    """Return the signer of links: the key of `signer`, whose time no layout asks for.

    Raises `CallError` when it signs with no key, `ExtraMissingError` without the library.
    """
    require_in_toto()
    held = signer.signer if isinstance(signer, TimestampedSigner) else signer
    if not isinstance(held, KeySigner):
        raise CallError(
            "a link of in-toto is signed with a key",
            why="layouts name their functionaries by keys",
            fix="name one with `--key`",
        )
    return held


def in_toto_key(key: PublicKey) -> dict[str, Any]:
    """Return a key as layouts hold it; raises `ExtraMissingError` without the library."""
    require_in_toto()
    from securesystemslib.signer import SSlibKey

    made = SSlibKey.from_crypto(key.key)
    return {**made.to_dict(), "keyid": made.keyid}


def link_name(step: str, key: PublicKey) -> str:
    """Return the file name under which the library looks for the link of a step."""
    return f"{step}.{key_id(key)[:_ID_LENGTH]}.link"


def artifact_rules(folder: Path, identification: Identification) -> dict[str, dict[str, str]]:
    """Return every file of an artifact as a link names it: its path as it was given, and SHA-256."""
    single = set(identification.sha256) == {"."}
    return {
        folder.as_posix() if single else (folder / path).as_posix(): {"sha256": digest}
        for path, digest in identification.sha256.items()
    }


def sign_link(
    step: str,
    materials: Mapping[str, Mapping[str, str]],
    products: Mapping[str, Mapping[str, str]],
    command: list[str],
    signer: KeySigner,
) -> bytes:
    """Return a signed link; raises `ExtraMissingError` without the library."""
    link = {
        "_type": "link",
        "name": step,
        "materials": materials,
        "products": products,
        "byproducts": {"return-value": 0},
        "environment": {},
        "command": command,
    }
    payload = json.dumps(link, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = signer.sign_statement(payload).envelope.signature
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": IN_TOTO_PAYLOAD_TYPE,
        "signatures": [
            {"keyid": key_id(signer.public), "sig": base64.b64encode(signature).decode()}
        ],
    }
    return json.dumps(envelope, indent=2).encode() + b"\n"
