"""Which files of an artifact may be documents about it; told by their names, without reading any."""

from collections.abc import Iterator

from weightmark.provenance.artifact import Artifact, Entry

__all__ = ["CARD_NAME", "candidates"]

CARD_NAME = "README.md"
"""where hubs look for a card"""
_LARGEST_PAGE = 16 * 1024 * 1024


def candidates(artifact: Artifact) -> Iterator[Entry]:
    """Yield the files at the root that may be documents; a single file describes nothing else."""
    for entry in () if artifact.single else artifact.entries:
        is_json = entry.path.endswith((".json", ".jsonld"))
        is_card = entry.path == CARD_NAME and entry.size <= _LARGEST_PAGE
        if "/" not in entry.path and (is_card or is_json):
            yield entry
