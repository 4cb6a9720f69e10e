"""Where the truth of a ledger is kept: one file an implementation of `interface.py`."""

__all__: list[str] = []
