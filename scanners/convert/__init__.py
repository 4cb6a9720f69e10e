"""Conversion to safetensors: tensors are taken from their bytes, and nothing is unpickled."""

from weightmark.scanners.convert.converter import Conversion, convert, converted
from weightmark.scanners.convert.passes import FileName

__all__ = ["Conversion", "FileName", "convert", "converted"]
