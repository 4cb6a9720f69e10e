"""The trusted roots that lie in the installed `sigstore` package: read without importing it and without its cache."""

from importlib.util import find_spec
from pathlib import Path

from weightmark.errors import TrustMissingError

__all__ = ["PUBLIC_GOOD", "STAGING", "packaged_root"]

PUBLIC_GOOD = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
"""folder of the public-good instance"""
STAGING = "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"
"""folder of the staging instance"""
_MAX_SIZE = 4 * 1024 * 1024


def packaged_root(instance: str) -> bytes:
    """Return the packaged `trusted_root.json` of an instance; raises `TrustMissingError`."""
    spec = find_spec("sigstore")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        path = Path(place) / "_store" / instance / "trusted_root.json"
        try:
            with path.open("rb") as file:
                return file.read(_MAX_SIZE)
        except OSError:
            continue
    raise TrustMissingError(
        "the packaged Sigstore trust root is missing",
        why="it comes with the package `sigstore`",
        fix="run `pip install sigstore`, or name a trust root with `--trusted-root FILE`",
    )
