"""What a rule can do, one file an action."""

__all__: list[str] = []
