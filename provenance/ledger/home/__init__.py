"""Where a ledger lives, with its store, blobs, keys and standing: one file an implementation of `interface.py`."""
