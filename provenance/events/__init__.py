"""Events: what was decided and done, told to the systems that watch (docs/formats/events.md).

An `Event` is written by a form (`forms/`) and handed to sinks (`sinks/`); `delivery` does both within a
bounded time. Nothing that happens here changes a verdict.
"""

__all__: list[str] = []
