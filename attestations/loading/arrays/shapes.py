"""Shapes that a file may have and a framework can't."""

from collections.abc import Iterator
from contextlib import contextmanager

from weightmark.errors import UnsupportedError

__all__ = ["refused_shapes"]

_SHOWN = 200


@contextmanager
def refused_shapes(framework: str, shape: tuple[int, ...]) -> Iterator[None]:
    """Turn what a framework raises over a shape into `UnsupportedError`.

    A dimension of 2**70 is sound beside one of 0, and forty dimensions of 1 are, too.
    """
    try:
        yield
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise UnsupportedError(
            f"{framework} makes no array of this shape",
            why=f"it is `{'x'.join(map(str, shape))[:_SHOWN] or 'scalar'}`",
            fix='ask for `framework="bytes"`',
        ) from error
