"""Sources: where models and datasets come from, each pinned, and with what it promises of every byte."""
