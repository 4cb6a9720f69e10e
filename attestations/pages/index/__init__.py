"""The reader's own index of a ledger, for pages of a log with a million entries: filled in steps, from proven entries only."""

__all__: list[str] = []
