"""What a dataset says of itself, as lines of an answer."""

from collections.abc import Iterator

from weightmark.cli.render.interface import CheckLine, Outcome
from weightmark.errors import Exit
from weightmark.provenance.datasets.croissant import Statement, Verdict
from weightmark.provenance.datasets.description import DescribedFiles, Description
from weightmark.provenance.names import escape_path

__all__ = ["description_checks", "description_exit"]

_SHOWN = 20


def description_exit(description: Description) -> Exit:
    """Return 1 where a stated digest is wrong, 4 where a document can't be read, else 0."""
    return Exit.worst(_exit(document) for document in description.documents)


def description_checks(path: str, description: Description) -> Iterator[CheckLine]:
    """Yield one check a document, and what the card says."""
    for document in description.documents:
        yield _check(f"{path}/{escape_path(document.path)}", document)
    card = description.card
    if card and (card.licenses or card.sources):
        said = [f"licence {', '.join(card.licenses)}"] if card.licenses else []
        said += [f"made from {', '.join(card.sources)}"] if card.sources else []
        summary = f"the publisher says: {'; '.join(said)}"
        yield CheckLine(Outcome.INFO, f"{path}/README.md", summary)


def _exit(document: DescribedFiles) -> Exit:
    if document.error:
        return document.error.exit
    wrong = any(one.verdict is Verdict.DIFFERENT for one in document.statements)
    return Exit.BAD if wrong else Exit.GOOD


def _check(name: str, document: DescribedFiles) -> CheckLine:
    croissant, error = document.croissant, document.error
    if croissant is None or error:
        outcome = Outcome.FAIL if _exit(document) is Exit.BAD else Outcome.UNCHECKED
        what = error.what if error else "it could not be read"
        return CheckLine(outcome, name, what, code=error.code if error else "")
    open_ones = [one for one in document.statements if one.verdict is not Verdict.EQUAL]
    wrong = [one for one in open_ones if one.verdict is Verdict.DIFFERENT]
    equal = len(document.statements) - len(open_ones)
    summary = f"{equal} of {len(document.statements)} described files have the SHA-256 stated"
    if croissant.live:
        summary += "; the dataset is live, so its digests say what it was"
    return CheckLine(
        Outcome.FAIL if wrong else Outcome.INFO if open_ones or croissant.live else Outcome.PASS,
        name,
        summary,
        why="the description is of other bytes" if wrong else "",
        fix="get the files again from the publisher, or describe them anew" if wrong else "",
        details=_details([*wrong, *(one for one in open_ones if one not in wrong)]),
        code="described-otherwise" if wrong else "",
    )


def _details(statements: list[Statement]) -> tuple[str, ...]:
    more = ("…",) if len(statements) > _SHOWN else ()
    return (*(str(one) for one in statements[:_SHOWN]), *more)
