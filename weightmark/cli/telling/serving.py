"""Events of a service: one an answer, told from a thread of their own, so that no receiver delays an answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weightmark.cli.console import Console
from weightmark.cli.streams import say
from weightmark.errors import Exit
from weightmark.visible import visible

if TYPE_CHECKING:
    from weightmark.attestations.gate.serving.decision_log import Answered
    from weightmark.attestations.gate.serving.questions import Answer
    from weightmark.cli.telling.events import Teller
    from weightmark.provenance.events.event import Event

__all__ = ["answer_event", "told_answers"]


@contextmanager
def told_answers(console: Console) -> Iterator[Callable[["Answered"], None]]:
    """Give a function that takes every answer of a service; it waits for nobody."""
    aftermath = console.aftermath
    if aftermath is None or aftermath.delivery is None:
        yield lambda _answered: None
        return
    from weightmark.provenance.events.delivery import Background

    teller = aftermath.teller
    with Background(aftermath.delivery, lambda words: say(f"{visible(words)}\n")) as background:
        yield lambda answered: background.offer(
            [answer_event(teller, answered, one) for one in answered.answers]
        )


def answer_event(teller: "Teller", answered: "Answered", answer: "Answer") -> "Event":
    """Return the event of one answer."""
    decision = answer.decision
    code = Exit.GOOD if answer.allowed else Exit.UNCHECKED
    if decision is not None and not answer.allowed:
        code = Exit.worst([decision.exit, Exit.UNCHECKED if answer.kept else decision.exit])
    facts = answer.facts()
    policy = facts["policy"]
    record = answer.record or {}
    return teller.decided(
        {
            "path": answer.given,
            "identity": facts["identity"],
            "pinned": answered.subject,
            **{name: record[name] for name in ("origin", "index") if name in record},
        },
        verdict=answer.verdict,
        code=code,
        message=f"{answer.word}: {answer.given}",
        checks=[one for one in facts["checks"] if one["outcome"] != "info"],
        policy={**policy, "digest": f"sha256:{policy['sha256']}"} if policy else None,
    )
