"""Who scans: our own scanners, modelscan as a second opinion, and plugins."""

from weightmark.scanners.engines.choice import engines_named, examine
from weightmark.scanners.engines.interface import Engine

__all__ = ["Engine", "engines_named", "examine"]
