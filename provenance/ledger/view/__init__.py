"""Where the files of a published view lie: one file an implementation of `interface.py`."""
