"""What a reader says about bytes that break its format: a finding, and that the rest is unchecked."""

from collections.abc import Iterator
from contextlib import contextmanager

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place

__all__ = ["malformed_as"]


@contextmanager
def malformed_as(rule: str, place: Place, examination: Examination) -> Iterator[None]:
    """Turn a `MalformedError` of the block into a finding of `rule` and a problem."""
    try:
        yield
    except MalformedError as error:
        examination.find(rule, place, detail=error.what)
        examination.problem(error.what, place)
