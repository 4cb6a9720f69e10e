"""A ledger in service: the sequencer for whoever writes, readers for whoever reads."""

from concurrent.futures import Future
from types import TracebackType
from typing import Self

from weightmark.provenance.ledger.admission import ClaimVerifier, Submission
from weightmark.provenance.ledger.service.decisions import Decision, DecisionLog
from weightmark.provenance.ledger.service.limits import Limits
from weightmark.provenance.ledger.service.metrics import Metrics
from weightmark.provenance.ledger.service.reading import Readers
from weightmark.provenance.ledger.service.sequencer import Answer, LedgerOpener, Sequencer
from weightmark.provenance.ledger.service.wire import About

__all__ = ["LedgerService"]

_READERS = 4


class LedgerService:
    """What the routes work with; made by `open`."""

    def __init__(
        self,
        about: About,
        readers: Readers,
        sequencer: Sequencer | None,
        *,
        metrics: Metrics,
        limits: Limits,
        tell: DecisionLog,
    ) -> None:
        self.about = about
        self.readers = readers
        self.metrics = metrics
        self.limits = limits
        self._sequencer = sequencer
        self._tell = tell

    @classmethod
    def open(
        cls,
        open_ledger: LedgerOpener,
        verifier: ClaimVerifier | None,
        *,
        workers: int = 0,
        limits: Limits | None = None,
        tell: DecisionLog = lambda _decision: None,
    ) -> Self:
        """Put a ledger into service; without `verifier` it is only read.

        `workers` processes judge submissions; with 0 a thread of this process does. `tell` hears every
        decision, in any thread. Raises what opening the ledger raises, `LedgerNotLiveError` for a copy, `TrustMissingError` or
        `UnsupportedError` when nothing can be appended to it, `ExtraMissingError`.
        """
        metrics = _metrics()
        with open_ledger() as ledger:
            ledger.home.standing().require_live(ledger.home.name)
            about = About(ledger.origin, ledger.vkey, verifier is not None)
            metrics.committed(0, 0.0, ledger.refresh().size)
        sequencer = (
            Sequencer(open_ledger, verifier, workers=workers, observer=metrics)
            if verifier
            else None
        )
        readers = Readers(open_ledger, _READERS)
        return cls(about, readers, sequencer, metrics=metrics, limits=limits or Limits(), tell=tell)

    @property
    def problem(self) -> str:
        """Why the last commit or publication failed; empty when all is well."""
        return self._sequencer.problem if self._sequencer else ""

    def submit(self, *submissions: Submission) -> Future[tuple[Answer, ...]]:
        """Hand in submissions, all or none; raises `RuntimeError` on a service that is only read, and `LimitError`."""
        if self._sequencer is None:
            raise RuntimeError("this service takes no submissions")
        return self._sequencer.submit(*submissions)

    def decided(self, decision: Decision) -> None:
        """Count a decision and tell whoever listens."""
        self.metrics.decided(decision)
        self._tell(decision)

    def close(self) -> None:
        """Enter what was accepted, then let go of the ledger."""
        if self._sequencer:
            self._sequencer.close()
        self.readers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _metrics() -> Metrics:
    from weightmark.errors import ExtraMissingError

    try:
        return Metrics()
    except ImportError as error:
        raise ExtraMissingError(
            "serving needs prometheus_client", fix="run `pip install weightmark[server]`"
        ) from error
