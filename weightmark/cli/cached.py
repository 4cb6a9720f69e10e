"""Addresses on the hub without network: what its own client downloaded earlier takes their place."""

import os
from typing import TYPE_CHECKING

from weightmark.provenance.hub_storage import is_hub_offline

if TYPE_CHECKING:
    from weightmark.cli.console import Console

__all__ = ["from_cache"]

_HUB = "hf://"
_PREFIX = "weightmark+"
"""what clusters write before an address"""


def from_cache(console: "Console", path: str) -> str:
    """Return for an address on the hub its folder in the cache, once every byte was checked; else the path as it is.

    With network an address stays what it is. Raises what `HubCacheSource.checked` raises.
    """
    uri = path.removeprefix(_PREFIX)
    if not uri.startswith(_HUB) or not (console.offline or is_hub_offline(os.environ)):
        return path
    from weightmark.provenance.sources.huggingface.cache import HubCacheSource

    with HubCacheSource(uri) as source, console.progress(None) as progress:
        snapshot, folder = source.checked(progress)
    console.note(f"pinned: {snapshot.pinned}, in the hub's cache at `{folder}`")
    return str(folder)
