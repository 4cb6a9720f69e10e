"""Where events go, one file a kind of receiver; `choice` reads the address that names one."""

from weightmark.provenance.events.sinks.choice import SinkOptions, sink_of
from weightmark.provenance.events.sinks.interface import Sink, UndeliveredError

__all__ = ["Sink", "SinkOptions", "UndeliveredError", "sink_of"]
