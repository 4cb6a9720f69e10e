"""What a dataset says of itself, as lines of an answer."""

from collections.abc import Sequence
from dataclasses import replace

from weightmark.attestations.checks import Check, exit_of, merge_checks
from weightmark.cli.documents import check_lines
from weightmark.cli.render.interface import CheckLine
from weightmark.errors import Exit

__all__ = ["description_exit", "description_lines"]


def description_exit(checks: Sequence[Check]) -> Exit:
    """Return 1 where a stated digest is wrong, 4 where a document can't be read, else 0."""
    code = exit_of(checks)
    return Exit.GOOD if code is Exit.NOTHING else code


def description_lines(checks: Sequence[Check], suffix: str = "") -> tuple[CheckLine, ...]:
    """Return the checks as lines, with `suffix` after their names."""
    return check_lines(replace(one, name=one.name + suffix) for one in merge_checks(checks))
