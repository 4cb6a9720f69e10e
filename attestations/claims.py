"""`model.claims`: JSON lines, one Sigstore bundle a line, by any number of signers."""

from collections.abc import Iterable

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.errors import LimitError, WeightmarkError
from weightmark.provenance.strict_json import DEFAULT_MAX_SIZE
from weightmark.values import dataclass

__all__ = ["ClaimLine", "parse_claims", "render_claims"]

_MAX_LINES = 10_000


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One line of a claims file: a bundle, or the reason why it is none."""

    number: int
    """counted from 1"""
    raw: bytes
    """the line as it stands, without its line end"""
    bundle: Bundle | None
    """the parsed bundle"""
    error: WeightmarkError | None
    """why the line is no bundle that can be judged"""


def parse_claims(data: bytes) -> tuple[ClaimLine, ...]:
    """Parse every line; a bad one does not hide the others. Raises `LimitError` over 10,000 lines."""
    if data.count(b"\n") > _MAX_LINES:
        raise LimitError(
            f"the claims file has over {_MAX_LINES} lines", fix="check that this is the right file"
        )
    return tuple(
        _parse_line(number, raw)
        for number, raw in enumerate(data.split(b"\n"), start=1)
        if raw.strip()
    )


def render_claims(lines: Iterable[bytes]) -> bytes:
    """Join lines into a claims file; raises `LimitError` when it would be over 64 MiB."""
    data = b"".join(line + b"\n" for line in lines)
    if len(data) > DEFAULT_MAX_SIZE:
        raise LimitError("the claims file would be over 64 MiB", fix="keep old claims in a ledger")
    return data


def _parse_line(number: int, raw: bytes) -> ClaimLine:
    try:
        return ClaimLine(number, raw, Bundle.parse(raw, what=f"line {number} of the claims"), None)
    except WeightmarkError as error:
        return ClaimLine(number, raw, None, error)
