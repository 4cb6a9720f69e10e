"""Conversion to safetensors: tensors are taken from their bytes, and nothing is unpickled."""

from weightmark.scanners.convert.converter import Conversion, convert

__all__ = ["Conversion", "convert"]
