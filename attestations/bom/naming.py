"""Names inside documents: the same for the same content, in whatever order it was found."""

import hashlib
import json
import re
import uuid
from typing import Any

__all__ = ["document_uuid", "input_reference", "is_iri", "is_purl"]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://weightmark/bom/v1")
_SHORT = 32
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+\Z")


def document_uuid(form: str, document: Any) -> str:
    """Return the UUID (RFC 9562, version 5) of a document of one form, from its whole content."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return str(uuid.uuid5(_NAMESPACE, f"{form} {hashlib.sha256(canonical).hexdigest()}"))


def input_reference(claim_id: str, name: str, uri: str) -> str:
    """Return how a document refers to an input that links to no artifact."""
    text = "\0".join((claim_id, name, uri)).encode("utf-8", "backslashreplace")
    return f"input:{hashlib.sha256(text).hexdigest()[:_SHORT]}"


def is_iri(text: str) -> bool:
    """Tell whether a text is an absolute URI (RFC 3986) in plain ASCII, which every form takes."""
    return bool(_IRI.match(text))


def is_purl(text: str) -> bool:
    """Tell whether a text may be a package URL (ECMA-427): a URI of the scheme `pkg`."""
    return text.startswith("pkg:") and is_iri(text)
