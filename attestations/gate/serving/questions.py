"""What a service is asked about one artifact, and its answer (docs/formats/gate-serve.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import is_identity
from weightmark.errors import CallError, MalformedError, WeightmarkError
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["MOST_BODY", "Answer", "Question", "read_request"]

MOST_BODY = 4 * 1024 * 1024
"""bytes of a request; Kubernetes sends two copies of an object of at most 1.5 MiB"""
_MOST_PATH = 4096


def read_request(body: bytes) -> dict[str, str]:
    """Return the one member of a request, `identity` or `path`; raises `MalformedError`."""
    fields = parse_object(body, what="the request", max_size=MOST_BODY)
    if set(fields) in ({"identity"}, {"path"}) and all(
        isinstance(one, str) for one in fields.values()
    ):
        return fields
    raise MalformedError(
        "the request names no single artifact",
        fix='send `{"identity": "wm1:…"}` or `{"path": "…"}`',
    )


@dataclass(frozen=True, slots=True)
class Question:
    """One artifact that is asked about: by identity, or where its files lie."""

    text: str
    """`wm1:…`, or the real path of files beneath a root of the service"""
    given: str
    """as it was asked"""

    @classmethod
    def of(cls, given: Mapping[str, Any], roots: Sequence[Path]) -> Self:
        """Take what `read_request` read; raises `MalformedError` and `CallError`."""
        if "identity" in given:
            return cls.of_identity(given["identity"])
        return cls.of_path(given["path"], roots)

    @classmethod
    def of_identity(cls, given: Any) -> Self:
        """Take an identity; raises `MalformedError` for anything else."""
        if not is_identity(given):
            raise MalformedError(
                f"`{str(given)[:100]}` is no identity", fix="`weightmark digest` prints it: `wm1:…`"
            )
        return cls(given, given)

    @classmethod
    def of_path(cls, given: Any, roots: Sequence[Path]) -> Self:
        """Take a path beneath one of `roots`, following links; raises `MalformedError`, `CallError`."""
        if not isinstance(given, str) or not 0 < len(given) <= _MOST_PATH or "\0" in given:
            raise MalformedError("the path of the request is no path")
        for root in roots:
            real = _real(root, given)
            if real is not None:
                return cls(str(real), given)
        raise CallError(
            f"`{given[:200]}` is not beneath a folder that is served",
            fix="name a file or folder beneath a `--root` of the service",
        )


def _real(root: Path, given: str) -> Path | None:
    """Return where a path beneath `root` leads; None when it leads out, in circles or nowhere."""
    try:
        base = root.resolve()
        real = (base / given).resolve()
        return real if real.is_relative_to(base) and real.exists() else None
    except (OSError, RuntimeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question; nothing but a decision that does not block is a yes."""

    given: str
    """what was asked about"""
    decision: Decision | None
    """the decision; None where none could be made"""
    error: Check | None = None
    """why none could be made"""
    record: dict[str, Any] | None = None
    """`origin`, `index` and `kind` of the entry in a ledger"""
    kept: tuple[Check, ...] = ()
    """what could not be kept as the service was told to"""
    place: str = ""
    """where it lies here, which nobody outside has to know"""

    @classmethod
    def of_error(cls, given: str, error: WeightmarkError) -> Self:
        """Say why nothing was decided."""
        # nothing was decided, so nothing was refused, whatever the error is called elsewhere
        told = replace(Check.from_error("gate", error), outcome=Outcome.UNCHECKED)
        return cls(given, None, told)

    @property
    def allowed(self) -> bool:
        """Whether the caller may go on."""
        return self.decision is not None and not self.decision.blocks and not self.kept

    @property
    def word(self) -> str:
        """`allow`, `deny`, `would deny`, `could not be checked` or `nothing to check`."""
        if self.decision is None or (self.kept and not self.decision.blocks):
            return "could not be checked"
        return self.decision.word

    @property
    def verdict(self) -> str:
        """The word as machines read it."""
        return self.word.replace(" ", "-")

    @property
    def reasons(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        made = self.decision.checks if self.decision else ()
        told = [*made, *self.kept, *([self.error] if self.error else [])]
        return tuple(check for check in told if check.outcome.value not in ("pass", "info"))

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        decision = self.decision
        made = decision.checks if decision else ()
        checks = [*made, *self.kept, *([self.error] if self.error else [])]
        return {
            "schema": "weightmark/gate-answer/v1",
            "asked": self.given,
            "allowed": self.allowed,
            "verdict": self.verdict,
            "identity": (decision.evidence.identity or None) if decision else None,
            "known": decision.evidence.known.value if decision else None,
            "decided_at": format_time(decision.evidence.at) if decision else None,
            "policy": _policy(decision) if decision else None,
            "checks": [self._told(check) for check in checks],
            "record": self.record,
        }

    def _told(self, check: Check) -> dict[str, Any]:
        return {
            "name": check.name,
            "outcome": check.outcome.value,
            "summary": self._without_place(check.summary),
            "why": self._without_place(check.why),
            "fix": self._without_place(check.fix),
            "details": [self._without_place(one) for one in check.details],
            "code": check.code,
        }

    def _without_place(self, text: str) -> str:
        return text.replace(self.place, self.given) if self.place else text

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json(self.facts())


def _policy(decision: Decision) -> dict[str, str]:
    policy = decision.policy
    return {"name": policy.name, "uri": policy.uri, "sha256": policy.sha256}
