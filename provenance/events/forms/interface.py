"""The seam between an event and a form in which it is written."""

from typing import Protocol

from weightmark.provenance.events.event import Event

__all__ = ["FORM_NAMES", "Form"]

FORM_NAMES = ("ocsf", "cef", "json")
"""what may be asked for; the first is the default"""


class Form(Protocol):
    """One form. What stands in an event never becomes syntax of it."""

    @property
    def media_type(self) -> str:
        """Media type of several events in one body."""
        ...

    def render(self, event: Event) -> bytes:
        """Return a bounded event as one line of UTF-8 without its line end."""
        ...

    def together(self, lines: list[bytes]) -> bytes:
        """Return several rendered events as one body."""
        ...
