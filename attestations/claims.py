"""`model.claims`: JSON lines, one Sigstore bundle a line, by any number of signers."""

from collections.abc import Iterable, Iterator

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.shapes import split_shapes
from weightmark.attestations.predicates.file_list import FileList, is_file_list, not_a_claim
from weightmark.errors import LimitError, WeightmarkError
from weightmark.provenance.strict_json import DEFAULT_MAX_SIZE, parse_object
from weightmark.values import dataclass

__all__ = ["ClaimLine", "parse_claims", "parse_store", "render_claims"]

_MAX_LINES = 10_000


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One line of a claims file: a bundle, or the reason why it is none."""

    number: int
    """counted from 1"""
    raw: bytes
    """the line as it stands, without its line end; empty for lines of a store, which nobody writes back"""
    bundle: Bundle | None
    """the parsed bundle"""
    error: WeightmarkError | None
    """why the line is no bundle that can be judged"""
    place: str = ""
    """where in the line it stands, when a line of another tool holds several"""
    files: FileList | None = None
    """the list of files that it holds instead of a bundle"""

    @property
    def where(self) -> str:
        """For people: `line 3`, `attestation 2 of line 1`."""
        return self.place or f"line {self.number}"


def parse_claims(data: bytes, *, with_lists: bool = True) -> tuple[ClaimLine, ...]:
    """Parse every line; a bad one does not hide the others. Raises `LimitError` over 10,000 lines.

    Without `with_lists`, lists of files are told from claims and not read.
    """
    if data.count(b"\n") > _MAX_LINES:
        raise LimitError(
            f"the claims file has over {_MAX_LINES} lines", fix="check that this is the right file"
        )
    return tuple(
        _parse_line(number, raw, with_lists=with_lists)
        for number, raw in enumerate(data.split(b"\n"), start=1)
        if raw.strip()
    )


def parse_store(data: bytes) -> tuple[ClaimLine, ...]:
    """Parse a file of claims as other tools write them too (`weightmark.attestations.bundles.shapes`).

    It is JSON lines, or one JSON document over several lines. Raises `LimitError` over 10,000 claims.
    """
    lines = [(number, raw) for number, raw in enumerate(data.split(b"\n"), 1) if raw.strip()]
    if lines and _is_one_document(lines[0][1], data):
        lines = [(lines[0][0], data)]
    found: list[ClaimLine] = []
    for number, raw in lines:
        found += _parse_shapes(number, raw)
        if len(found) > _MAX_LINES:
            raise LimitError(
                f"the claims file holds over {_MAX_LINES} claims",
                fix="check that this is the right file",
            )
    return tuple(found)


def render_claims(lines: Iterable[bytes]) -> bytes:
    """Join lines into a claims file; raises `LimitError` when it would be over 64 MiB."""
    data = b"".join(line + b"\n" for line in lines)
    if len(data) > DEFAULT_MAX_SIZE:
        raise LimitError("the claims file would be over 64 MiB", fix="keep old claims in a ledger")
    return data


def _parse_line(number: int, raw: bytes, *, with_lists: bool = True) -> ClaimLine:
    try:
        if is_file_list(raw):
            files = FileList.from_line(raw) if with_lists else None
            return ClaimLine(number, raw, None, not_a_claim(), files=files)
        return ClaimLine(number, raw, Bundle.parse(raw, what=f"line {number} of the claims"), None)
    except WeightmarkError as error:
        return ClaimLine(number, raw, None, error)


def _is_one_document(first: bytes, data: bytes) -> bool:
    """Tell whether a file is one JSON document over several lines; a cut first line is none, and hides no other."""
    if first.rstrip().endswith(b"}") or not first.lstrip().startswith(b"{"):
        return False
    try:
        parse_object(data, what="the claims")
    except WeightmarkError:
        return False
    return True


def _parse_shapes(number: int, raw: bytes) -> Iterator[ClaimLine]:
    if is_file_list(raw):
        line = _parse_line(number, raw)
        yield ClaimLine(number, b"", None, line.error, "", line.files)
        return
    for one in split_shapes(raw, f"line {number}"):
        yield ClaimLine(number, b"", one.bundle, one.error, one.place)
