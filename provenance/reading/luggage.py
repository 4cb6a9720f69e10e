"""Luggage: what an inspector said of a file as bytes, for other processes and for another day."""

from collections.abc import Callable
from typing import Generic, TypeVar

from weightmark.values import dataclass

__all__ = ["Luggage"]

T = TypeVar("T")


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Luggage(Generic[T]):
    """How an inspector's results travel between processes, and into receipts."""

    pack: Callable[[str, T], bytes | None]
    """write one, for the file with this label, as bytes; None for one that has to be made where it is wanted"""
    unpack: Callable[[str, bytes], T]
    """read it again, for the file with this label; raises `ValueError` for other bytes than `pack` writes"""
    stamp: Callable[[], str] | None = None
    """name all that a result depends on beside the file's bytes and label; without, no receipt keeps one"""
    is_final: Callable[[T], bool] = _always
    """tell whether the same bytes give the same result again, so that a receipt may keep it"""
