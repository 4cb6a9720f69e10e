"""The rules: one entry each, with id, title, severity, help and references."""

from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.rules.interface import Rule

__all__ = ["Rule", "catalogue"]
