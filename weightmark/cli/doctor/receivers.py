"""Whether the addresses that are told of decisions can be ones; nobody is asked."""

from collections.abc import Iterator
from pathlib import Path

from weightmark.cli.doctor.calls import SaidSettings
from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.places import state_directory
from weightmark.errors import WeightmarkError

__all__ = ["examine_events"]


def examine_events(said: SaidSettings) -> Iterator[Examined]:
    """Look at each address behind `--events`, and at what waits to be sent."""
    from weightmark.provenance.events.forms.named import named
    from weightmark.provenance.events.sinks.choice import SinkOptions, sink_of

    options = SinkOptions(named("json"), state_directory() / "events")
    for word, origin in said.of("events").items():
        try:
            sink_of(word, options)
        except WeightmarkError as error:
            seen = f"{error.what}, as {origin} says"
            fix = error.fix or f"correct {origin}"
            yield Examined("events", "events", Verdict.BAD, seen, error.why, fix)
    waiting = _waiting(state_directory() / "events")
    if waiting:
        yield Examined.note("events", f"{waiting} files of events wait to be sent")


def _waiting(spools: Path) -> int:
    return sum(1 for _ in spools.glob("*/*.events")) if spools.is_dir() else 0
