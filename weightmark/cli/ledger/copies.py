"""What a command says that copied a ledger."""

from typing import TYPE_CHECKING

from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.provenance.ledger.copying import CopyReport

__all__ = ["copy_document", "said_place"]


def copy_document(name: str, report: "CopyReport", place: str, done: str) -> Document:
    """Say how much was copied; `done` is the participle."""
    place = said_place(place)
    lines = [f"{report.head.size} entries of `{report.head.origin}` {done} to `{place}`"]
    if report.absent:
        lines.append(
            f"{report.absent} claims and requests were not there: redacted, not published or missing"
        )
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


def said_place(place: str) -> str:
    """Return a place as it was given, without the password of a URL."""
    from weightmark.provenance.ledger.store.postgres import public_name

    return public_name(place) if "://" in place else place
