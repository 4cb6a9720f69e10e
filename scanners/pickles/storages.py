"""Torch's storages: how many bytes one number of each type takes."""

__all__ = ["item_size"]

_BYTES = {
    "BFloat16": 2,
    "Bool": 1,
    "Byte": 1,
    "Char": 1,
    "ComplexDouble": 16,
    "ComplexFloat": 8,
    "Double": 8,
    "Float": 4,
    "Half": 2,
    "Int": 4,
    "Long": 8,
    "QInt32": 4,
    "QInt8": 1,
    "QUInt2x4": 1,
    "QUInt4x2": 1,
    "QUInt8": 1,
    "Short": 2,
    "Untyped": 1,
}


def item_size(name: str) -> int:
    """Return the bytes of one number in a storage class called `name`, or 0 if it is not known."""
    return _BYTES.get(name.removesuffix("Storage"), 0) if name.endswith("Storage") else 0
