"""The hook: a command that is run when something drifted, as a response of its own (`attestations/responding/`)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from weightmark.attestations.outside import require_outside
from weightmark.attestations.responding.actions.command import Command, CommandResult
from weightmark.attestations.watching.events import Event
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["Hook", "HookResult"]

HookResult = CommandResult
"""what became of the command"""


@dataclass(frozen=True, slots=True)
class Hook:
    """A command that gets the event of a watch."""

    command: Command
    """what is run"""

    @classmethod
    def parse(
        cls, text: str, *, seconds: float, names: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Split a command into words as a shell would, without giving it to one; raises `CallError`.

        Of `environment` the command sees `names` and what every program needs.
        """
        return cls(Command.parse(text, seconds=seconds, names=names, environment=environment))

    def run(self, event: Event) -> HookResult:
        """Run the command with the event as JSON on its stdin; what it says goes to stderr.

        No program of the artifact is run, and none in the artifact's folder: it would find files of its own there.
        """
        for place, what in ((self.command.program, "the program"), (".", "the current folder")):
            try:
                require_outside(Path(event.path), Path(place), what)
            except CallError:
                return HookResult(None, f"was not run: {what} lies inside the artifact")
        data = json.dumps(event.to_json()).encode("ascii") + b"\n"
        return self.command.run(data, {"WEIGHTMARK_EVENT": event.kind.value})
