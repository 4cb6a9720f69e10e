"""Watching: judging an artifact again when it changed and when time has passed, and saying what is new."""
