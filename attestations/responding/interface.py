"""The seam between a rule and what it does."""

from typing import Protocol

from weightmark.attestations.responding.happening import Happening

__all__ = ["Action"]


class Action(Protocol):
    """One kind of response."""

    def plan(self, happening: Happening) -> str:
        """Say in words what `act` would do; empty when there is nothing to do. Changes nothing.

        Raises an error of `weightmark.errors` when there should be something to do, and nobody can tell what.
        """
        ...

    def act(self, happening: Happening) -> str:
        """Do it, and say what was done; raises an error of `weightmark.errors`."""
        ...
