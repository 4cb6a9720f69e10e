"""HDF5, as Keras, PyTables and pandas write it: links, storage, and what attributes hold."""

from typing import Final

from weightmark.errors import MalformedError, UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.pickled import PickleReader
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.scanners.wire.hdf5_attributes import read_attribute
from weightmark.scanners.wire.hdf5_heaps import find_global_heaps, global_objects
from weightmark.scanners.wire.hdf5_links import Link, attribute_messages, links
from weightmark.scanners.wire.hdf5_objects import File, Header, Kind, find_signature
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["Hdf5Reader"]

_HARD, _SOFT, _EXTERNAL = 0, 1, 64
_VIRTUAL, _VARIABLE = 3, 9
_FIRST_PLUGIN = 256
_OWN_FILTERS = frozenset({32000})
"""filters that h5py brings along: LZF"""
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Hdf5Reader:
    """Walks every group, and has the text of attributes looked at as files of their own."""

    name: Final[str] = "hdf5"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge links, storage and attributes; see `FormatReader.read`."""
        start = find_signature(place.view, place.head, everywhere=not place.depth)
        if start is None:
            return False
        view = resident(place.view, examination.limits)
        if start:
            examination.find("HDF004", place, detail=f"{start} bytes")
        with malformed_as("HDF003", place, examination):
            file = File.open(view, examination.budget, start)
            if view.size < file.end != file.undefined:
                examination.problem("the HDF5 file is cut off", place)
            elif file.end < view.size:
                report_program_behind(place, file.end, examination)
            _Walk(file, place, examination, view).run()
        return True


@dataclass(slots=True)
class _Walk:
    file: File
    place: Place
    examination: Examination
    view: ByteView
    has_sequences: bool = False

    def run(self) -> None:
        """Look at every object that can be reached from the root, each once."""
        stack = [(self.file.root, "")]
        seen: set[int] = set()
        while stack:
            address, path = stack.pop()
            if address in seen:
                continue
            seen.add(address)
            self.examination.budget.spend_fields(1)
            for link in self._object(address, path):
                below = f"{path}/{link.name}"[-_SHOWN:]
                if link.kind == _HARD:
                    stack.append((link.address, below))
                elif link.kind != _SOFT:
                    self._leaving(link, below)
        if self.has_sequences:
            self._heaps()

    def _heaps(self) -> None:
        """Look for pickles in rows of variable length, as PyTables stores Python objects."""
        for address in find_global_heaps(self.file):
            with malformed_as("HDF003", self.place, self.examination):
                for start, size in global_objects(self.file, address):
                    view = Slice(self.view, self.file.base + start, size)
                    inner = self.place.inside(f"object at {start}", view)
                    PickleReader().read(inner, self.examination)

    def _object(self, address: int, path: str) -> list[Link]:
        """Judge one object; what can't be read of it hides nothing of the others."""
        try:
            messages = list(self.file.messages(address))
            for message in messages:
                self._message(message, path)
            self._attributes(messages, path)
            return list(links(self.file, messages))
        except (IndexError, MalformedError) as error:
            said = error.what if isinstance(error, MalformedError) else "a message is cut off"
            self._say("HDF003", address, f"`{path or '/'}`: {said}")
            self.examination.problem(f"`{path or '/'}`: {said}", self.place)
        except UncheckedError as error:
            self.examination.problem(f"`{path or '/'}`: {error.what}", self.place)
        return []

    def _message(self, message: Header, path: str) -> None:
        data = message.data
        if message.kind == Kind.EXTERNAL:
            self._say("HDF001", message.start, f"`{path}`: external storage")
        elif message.kind == Kind.LAYOUT and data[0] > _VIRTUAL and data[1] == _VIRTUAL:
            self._say("HDF001", message.start, f"`{path}`: virtual dataset")
        elif message.kind == Kind.DATATYPE and data[0] & 0xF == _VARIABLE and not data[1] & 0xF:
            self.has_sequences = True
        elif message.kind == Kind.FILTERS and not message.shared:
            for number in _filters(data):
                if number >= _FIRST_PLUGIN and number not in _OWN_FILTERS:
                    self._say("HDF002", message.start, f"`{path}`: filter {number}")

    def _leaving(self, link: Link, path: str) -> None:
        if link.kind == _EXTERNAL:
            self._say("HDF001", None, f"`{path}`: link to {link.target}")
        else:
            self._say("HDF002", None, f"`{path}`: link of type {link.kind}")

    def _attributes(self, messages: list[Header], path: str) -> None:
        for data in attribute_messages(self.file, messages):
            attribute = read_attribute(self.file, data)
            for value in attribute.values:
                for content in {value.rstrip(b"\0"), value.partition(b"\0")[0]}:
                    if _is_telling(content):
                        self.examination.budget.spend_member()
                        name = f"{path}@{attribute.name}"[-_SHOWN:]
                        self.examination.look(self.place.inside(name, MemoryView(content)))

    def _say(self, rule: str, offset: int | None, said: str) -> None:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in said[:_SHOWN])
        self.examination.find(rule, self.place, offset=offset, detail=shown)


def _is_telling(content: bytes) -> bool:
    """Tell whether a text may be a configuration or a pickle; most are names."""
    first = content.lstrip()[:1]
    pickled = content.endswith(b".") or b"\n" in content or content[:1] == b"\x80"
    return len(content) > 1 and (first in (b"{", b"[") or pickled)


def _filters(data: bytes) -> list[int]:
    """Return the numbers of the filters of a pipeline message."""
    old = data[0] == 1
    at, found = 8 if old else 2, []
    for _ in range(data[1]):
        number = int.from_bytes(data[at : at + 2], "little")
        found.append(number)
        at += 2
        size = 0
        if old or number >= _FIRST_PLUGIN:
            size = int.from_bytes(data[at : at + 2], "little")
            at += 2
        values = int.from_bytes(data[at + 2 : at + 4], "little")
        padded = -(-size // 8) * 8 if old else size
        at += 4 + padded + 4 * (values + (values & 1 if old else 0))
    return found
