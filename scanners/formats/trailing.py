"""What follows the end of a model, and belongs to none of its tensors."""

from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.programs import report_hidden_program
from weightmark.scanners.limits import MEBIBYTE

__all__ = ["look_behind", "report_program_behind"]


def look_behind(place: Place, end: int, examination: Examination) -> bool:
    """Look at the bytes from `end` on as at a file of their own; False if there are only zeros."""
    start = _padding_end(place, end)
    if start >= place.view.size:
        return False
    # what runs pickles is imported where something stands behind a model
    from weightmark.scanners.pickles.remainder import look_at_rest

    rest = place.inside("trailing", Slice(place.view, start, place.view.size - start))
    report_hidden_program(rest, examination)
    look_at_rest(rest, examination)
    return True


def report_program_behind(
    place: Place, start: int, examination: Examination, end: int | None = None
) -> None:
    """Report a program or script in the bytes from `start` on; `end` is that of the file by default."""
    begin = _padding_end(place, start)
    size = (place.view.size if end is None else end) - begin
    if size > 0:
        report_hidden_program(place.inside("trailing", Slice(place.view, begin, size)), examination)


def _padding_end(place: Place, start: int) -> int:
    for at in range(start, place.view.size, MEBIBYTE):
        block = place.view.read_at(at, MEBIBYTE)
        if rest := block.lstrip(b"\0"):
            return at + len(block) - len(rest)
    return place.view.size
