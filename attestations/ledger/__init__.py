"""Claims and the ledger: what is submitted, and who judges it."""
