"""Telling other systems what a command decided, and answering it: from an answer to events and responses."""

__all__: list[str] = []
