"""What an artifact is and what happened to it: reading, manifest, ledger."""
