"""`weightmark ledger`: keep and check an append-only register; one file a command."""
