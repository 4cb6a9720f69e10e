"""Which source a URI means."""

from weightmark.errors import CallError, NetworkError, WeightmarkError
from weightmark.provenance.sources.interface import Source

__all__ = ["is_remote", "open_source", "pinned_address", "scheme_of"]

_REMOTE = ("hf", "oci", "s3")


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI; empty for a path."""
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else ""


def is_remote(uri: str) -> bool:
    """Tell whether a word names something that has to be fetched."""
    return bool(scheme_of(uri))


def pinned_address(uri: str, name: str, value: str) -> str:
    """Return the pinned address of what `uri` names at the digest `name`:`value`; empty when it names no such thing.

    What the URI itself says of a revision does not matter: the digest does.
    """
    scheme = scheme_of(uri)
    try:
        if scheme == "hf" and name == "gitCommit":
            from weightmark.provenance.sources.huggingface.address import HubAddress

            return HubAddress.parse(uri).at(value).uri
        if scheme == "oci" and name == "sha256":
            from weightmark.provenance.sources.oci.reference import Reference

            return str(Reference.parse_place(uri).pinned(f"sha256:{value}"))
    except WeightmarkError:
        return ""
    return ""


def open_source(uri: str, *, offline: bool = False) -> Source:
    """Return the source that `uri` names; `weightmark+` before it, as clusters write it, is left out.

    Raises `CallError` for a scheme that is not known and an address that is none, `NetworkError`
    for a remote one when no network may be used, `ExtraMissingError`.
    """
    uri = uri.removeprefix("weightmark+")
    scheme = scheme_of(uri)
    if offline and scheme in _REMOTE:
        raise NetworkError(
            f"`{uri[:200]}` cannot be fetched with `--offline`",
            fix="leave `--offline` out, or name a local folder",
        )
    if scheme == "hf":
        from weightmark.provenance.sources.huggingface.source import HuggingFaceSource

        return HuggingFaceSource(uri)
    if scheme == "oci":
        from weightmark.provenance.sources.oci.source import OciSource

        return OciSource(uri)
    if scheme == "s3":
        from weightmark.provenance.sources.object_store import ObjectStoreSource

        return ObjectStoreSource(uri)
    if not scheme:
        from weightmark.provenance.sources.local import LocalSource

        return LocalSource(uri)
    raise CallError(
        f"`{scheme[:40]}://` is no source that is known",
        fix="known are `hf://owner/name@revision`, `oci://host/repository:tag`, `s3://bucket/prefix` and local folders",
    )
