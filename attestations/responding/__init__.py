"""Automated response: what is done when something was denied, drifted or was revoked (docs/guides/events.md).

The rules stand in a file that the caller names, never in what is judged. A rule that is not enabled is a dry
run: it says what it would do. Every act is recorded, and none changes a verdict.
"""

__all__: list[str] = []
