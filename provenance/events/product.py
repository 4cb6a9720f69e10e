"""What events say of the program that tells them."""

from weightmark.values import dataclass

__all__ = ["PRODUCT", "Product"]


@dataclass(frozen=True, slots=True)
class Product:
    """The program."""

    name: str
    """as it is installed"""
    vendor: str
    """who makes it"""


PRODUCT = Product("weightmark", "weightmark")
"""this program"""
