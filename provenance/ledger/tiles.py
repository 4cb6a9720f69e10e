"""Tiles of 256 hashes and bundles of 256 entries: paths, widths, growth (C2SP tlog-tiles). Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.ledger.event import MAX_EVENT_SIZE
from weightmark.provenance.ledger.merkle import HASH_SIZE, NodeReader, node_hash

__all__ = [
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "Tile",
    "TileReader",
    "bundle_path",
    "encode_bundle",
    "grow_tiles",
    "merge_hashes",
    "node_reader",
    "parse_bundle",
    "tile_path",
    "tiles_of_size",
]

TILE_HEIGHT = 8
"""levels of the tree in one tile"""
TILE_WIDTH = 256
"""hashes in a full tile, entries in a full bundle"""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Where a tile stands and how much of it is filled."""

    level: int
    """0 holds leaf hashes; each level above holds roots of full tiles below"""
    index: int
    """from the left"""
    width: int
    """hashes, 1 to 256"""


TileReader = Callable[[int, int], bytes]
"""(level, index) to the hashes of a tile, as many as there are"""


def tile_path(tile: Tile) -> str:
    """Return the path of a hash tile below the prefix, `tile/<level>/<index>[.p/<width>]`."""
    return f"tile/{tile.level}/{_index_path(tile)}"


def bundle_path(tile: Tile) -> str:
    """Return the path of the entry bundle that belongs to a tile of level 0."""
    return f"tile/entries/{_index_path(tile)}"


def _index_path(tile: Tile) -> str:
    digits = str(tile.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if tile.width == TILE_WIDTH else f"{path}.p/{tile.width}"


def tiles_of_size(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Yield the tiles that a log of `size` serves, bottom-up; only those that differ from size `since`."""
    level = 0
    while size:
        for index in range(since // TILE_WIDTH, size // TILE_WIDTH):
            yield Tile(level, index, TILE_WIDTH)
        if size % TILE_WIDTH and size != since:
            yield Tile(level, size // TILE_WIDTH, size % TILE_WIDTH)
        size, since, level = size // TILE_WIDTH, since // TILE_WIDTH, level + 1


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Join entries, each behind its length as two bytes, big-endian."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_EVENT_SIZE:
            raise LimitError(f"an entry is over {MAX_EVENT_SIZE} bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def parse_bundle(data: bytes) -> list[bytes]:
    """Split an entry bundle; raises `MalformedError` unless it holds 1 to 256 whole entries."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise MalformedError(f"the entry bundle ends inside entry {len(entries)}")
        entries.append(data[at + 2 : end])
        at = end
        if len(entries) > TILE_WIDTH:
            raise MalformedError(f"the entry bundle holds more than {TILE_WIDTH} entries")
    if not entries:
        raise MalformedError("the entry bundle is empty")
    return entries


def grow_tiles(
    read: TileReader, size: int, leaves: Sequence[bytes]
) -> dict[tuple[int, int], bytes]:
    """Return every tile, by (level, index), that appending `leaves` to a log of `size` changes."""
    changed: dict[tuple[int, int], bytes] = {}
    level = 0
    while leaves:
        index, filled = divmod(size, TILE_WIDTH)
        hashes = (read(level, index) if filled else b"") + b"".join(leaves)
        above: list[bytes] = []
        for at in range(0, len(hashes), TILE_WIDTH * HASH_SIZE):
            tile = hashes[at : at + TILE_WIDTH * HASH_SIZE]
            changed[level, index] = tile
            if len(tile) == TILE_WIDTH * HASH_SIZE:
                above.append(merge_hashes(tile))
            index += 1
        size, leaves, level = size // TILE_WIDTH, above, level + 1
    return changed


def node_reader(read: TileReader) -> NodeReader:
    """Read nodes of the tree out of tiles; each tile is fetched once.

    Raises `MalformedError` when a tile is too short to hold what is asked for.
    """
    tiles: dict[tuple[int, int], bytes] = {}
    nodes: dict[tuple[int, int], bytes] = {}

    def node(height: int, index: int) -> bytes:
        if (height, index) not in nodes:
            nodes[height, index] = compute(height, index)
        return nodes[height, index]

    def compute(height: int, index: int) -> bytes:
        level, inside = divmod(height, TILE_HEIGHT)
        width = 1 << inside
        place, at = divmod(index * width, TILE_WIDTH)
        if (level, place) not in tiles:
            tiles[level, place] = read(level, place)
        found = tiles[level, place][at * HASH_SIZE : (at + width) * HASH_SIZE]
        if len(found) != width * HASH_SIZE:
            raise MalformedError(f"the tile {place} of level {level} is too short")
        return merge_hashes(found)

    return node


@lru_cache(1024)
def merge_hashes(hashes: bytes) -> bytes:
    """Return the root over a power of two of joined hashes."""
    row = [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
