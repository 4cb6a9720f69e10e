"""What the service counts, for Prometheus."""

from weightmark.attestations.gate.serving.decision_log import Answered

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_UNDECIDED = "not-judged"


class Metrics:
    """Counts verdicts and answers, in a registry of its own; threads may share it."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._registry: CollectorRegistry = CollectorRegistry()
        prefix = "weightmark_gate"
        self._verdicts = Counter(
            f"{prefix}_artifacts",
            "Artifacts by what was decided",
            ["verdict"],
            registry=self._registry,
        )
        self._answers = Counter(
            f"{prefix}_answers", "Answers by HTTP status", ["status"], registry=self._registry
        )
        self._seconds = Histogram(
            f"{prefix}_seconds",
            "Time from a question to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        for word in ("allow", "deny", "would-deny", "could-not-be-checked", _UNDECIDED):
            self._verdicts.labels(word)

    def told(self, answered: Answered) -> None:
        """Count a request."""
        for one in answered.answers:
            self._verdicts.labels(one.verdict).inc()
        if not answered.answers:
            self._verdicts.labels(_UNDECIDED).inc()
        self._seconds.observe(answered.seconds)

    def answered(self, status: int) -> None:
        """Count an answer."""
        self._answers.labels(str(status)).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text form."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
