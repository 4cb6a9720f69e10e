"""What a command says that copied a ledger."""

from typing import TYPE_CHECKING

from weightmark.attestations.checks import counted
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.copying import CopyReport

__all__ = ["copy_document", "said_absent", "said_place"]


def copy_document(name: str, report: "CopyReport", place: str, done: str) -> Document:
    """Say how much was copied; `done` is the participle."""
    place = said_place(place)
    size = counted(report.head.size, "entry", "entries")
    lines = [f"{size} of `{report.head.origin}` {done} to `{place}`", *said_absent(report)]
    return Document(
        schema=f"weightmark/{name}/v1",
        exit=Exit.GOOD,
        facts={
            "place": place,
            "origin": report.head.origin,
            "size": report.head.size,
            "root": f"sha256:{report.head.root.hex()}",
            "blobs": report.blobs,
            "absent": report.absent,
        },
        notices=tuple(lines),
    )


def said_absent(report: "CopyReport") -> tuple[str, ...]:
    """Say how much of what the entries name did not come along, if any."""
    if not report.absent:
        return ()
    absent = counted(report.absent, "claim or request", "claims and requests")
    return (f"{absent} did not come along: redacted, not published or missing",)


def said_place(place: str) -> str:
    """Return a place as it was given, without the password of a URL."""
    from weightmark.provenance.ledger.store.postgres import public_name

    return public_name(place) if "://" in place else place
