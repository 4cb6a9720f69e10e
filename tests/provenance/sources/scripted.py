"""A source in memory that breaks off, lies and drags as it is told to."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import UnsupportedError
from weightmark.provenance.sources.interface import Member, Part, Snapshot, TransferBrokenError

__all__ = ["ScriptedSource"]


class ScriptedSource:
    """Serves `data` for every part; `breaks` are the offsets at which it breaks off once each."""

    def __init__(self, data: bytes, *, breaks: tuple[int, ...] = (), block: int = 7) -> None:
        self.data = data
        self.breaks = list(breaks)
        self.block = block
        self.asked: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def resolve(self) -> Snapshot:
        return Snapshot.of("u", "p", (Part("f", len(self.data)),), digest={})

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:  # noqa: ARG002 - the seam
        self.asked.append(offset)
        end = next((place for place in self.breaks if place >= offset), None)
        if end is not None:
            self.breaks.remove(end)
        stop = len(self.data) if end is None else end
        for start in range(offset, stop, self.block):
            yield self.data[start : min(start + self.block, stop)]
        if end is not None:
            raise TransferBrokenError("broke off", wait=3)

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam
        raise UnsupportedError("no archive")
