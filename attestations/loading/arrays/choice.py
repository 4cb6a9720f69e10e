"""Which kind of array a caller gets."""

from importlib import import_module
from typing import Any

from weightmark.attestations.loading.arrays.interface import ArrayForm
from weightmark.attestations.loading.arrays.numpy_form import NumpyForm
from weightmark.attestations.loading.arrays.plain import PlainForm
from weightmark.attestations.loading.arrays.torch_form import TorchForm
from weightmark.errors import CallError, ExtraMissingError

__all__ = ["FRAMEWORKS", "choose_form"]

FRAMEWORKS = ("auto", "numpy", "torch", "bytes")
"""the words that `choose_form` understands"""


def choose_form(framework: str) -> ArrayForm:
    """Return the form with this name; `auto` takes numpy, else torch, else plain bytes.

    Raises `CallError` for another word, `ExtraMissingError` for a library that is not installed.
    """
    if framework not in FRAMEWORKS:
        raise CallError(f"`{framework}` is no framework", fix=f"use one of {', '.join(FRAMEWORKS)}")
    if framework in ("auto", "numpy") and (numpy := _installed("numpy")):
        return NumpyForm(numpy)
    if framework in ("auto", "torch") and (torch := _installed("torch")):
        return TorchForm(torch)
    if framework in ("auto", "bytes"):
        return PlainForm()
    raise ExtraMissingError(
        f"{framework} is not installed",
        fix=f'run `pip install {framework}`, or ask for `framework="bytes"`',
    )


def _installed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
