"""A severity, as a policy writes it."""

from weightmark.attestations.spelling import nearest
from weightmark.attestations.strict_toml import Table
from weightmark.errors import CallError
from weightmark.scanners.findings import Severity

__all__ = ["read_severity"]


def read_severity(fields: Table, key: str) -> Severity:
    """Return the severity at `key`, `high` when nothing is said; raises what the table raises."""
    word = fields.text(key, Severity.HIGH.word)
    try:
        return Severity.parse(word)
    except CallError as error:
        words = [one.word for one in Severity]
        near = nearest(word, words)
        meant = f"did you mean `{near}`?" if near else f"use one of {', '.join(words)}"
        raise fields.wrong(key, f"a severity: {meant}") from error
