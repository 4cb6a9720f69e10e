"""What a service counts, for Prometheus."""

from typing import TYPE_CHECKING

from weightmark.provenance.ledger.service.decisions import Decision, Outcome

if TYPE_CHECKING:
    pass

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_GROUPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Counts submissions, commits and answers, in a registry of its own; threads may share it."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry: CollectorRegistry = CollectorRegistry()
        prefix = "weightmark_ledger"
        self._submissions = Counter(
            f"{prefix}_submissions",
            "Submissions by what became of them",
            ["outcome"],
            registry=self._registry,
        )
        self._answers = Counter(
            f"{prefix}_answers", "Answers by HTTP status", ["status"], registry=self._registry
        )
        self._failures = Counter(
            f"{prefix}_failures", "Commits and publications that failed", registry=self._registry
        )
        self._group = Histogram(
            f"{prefix}_commit_entries",
            "Submissions answered by one commit",
            buckets=_GROUPS,
            registry=self._registry,
        )
        self._commit = Histogram(
            f"{prefix}_commit_seconds",
            "Time of one commit",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._add = Histogram(
            f"{prefix}_add_seconds",
            "Time from a submission to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._size = Gauge(f"{prefix}_size", "Entries of the log", registry=self._registry)
        for outcome in Outcome:
            self._submissions.labels(outcome)

    def decided(self, decision: Decision) -> None:
        """Count a submission."""
        self._submissions.labels(decision.outcome).inc()
        self._add.observe(decision.seconds)

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._answers.labels(str(status)).inc()

    def committed(self, entries: int, seconds: float, size: int) -> None:
        """Count a commit; see `Observer`."""
        self._group.observe(entries)
        self._commit.observe(seconds)
        self._size.set(size)

    def failed(self, error: Exception) -> None:  # noqa: ARG002 - as in `Observer`
        """Count a failure; see `Observer`."""
        self._failures.inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
