"""weightmark: decide whether a model or a dataset may be trusted."""

__version__ = "0.1.0"

__all__ = ["__version__"]
