"""Whose word counts in a report, and at which moment."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weightmark.cli.options.policy import load_rules
from weightmark.cli.options.trust import load_trust
from weightmark.cli.report.calls import DIGEST
from weightmark.errors import ExpiredError, TrustNotSaidError

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.reports.jury import Jury
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["believed", "require_in_time"]

_NO_ARTIFACT = os.devnull
"""stands in for an artifact in which files of the judge may not lie: nothing lies in it"""


def believed(
    subjects: tuple[str, ...],
    word: str | None,
    *,
    choice: "TrustChoice",
    env: str | None,
    pin: "PolicyPin",
) -> "tuple[Policy | None, Trust | None]":
    """Return the policy, or whom the flags name; what configures the judge lies outside of every artifact."""
    policy, trust = None, None
    for path in [one for one in subjects if not DIGEST.fullmatch(one)] or [_NO_ARTIFACT]:
        if word:
            policy = load_rules(
                path, word, choice=choice, mode=None, fail_on=None, env=env, pin=pin
            )
        else:
            trust = load_trust(choice, path)
    if policy and policy.is_preset and policy.trust is None:
        raise TrustNotSaidError(
            f"the preset `{policy.name}` names nobody whose word counts",
            fix="name the signer with `--key FILE`, or leave `--policy` out to count whom the ledger admitted",
        )
    return policy, trust


def require_in_time(jury: "Jury") -> None:
    """Raise `ExpiredError` for a policy that decides nothing any more at the moment of the report."""
    policy, at = jury.policy, jury.at or datetime.now(UTC)
    if policy and policy.expires and policy.expires <= at:
        raise ExpiredError(
            f"the policy `{policy.name}` ended before the moment of the report",
            fix="get its present version, or say an earlier moment with `--at TIME`",
        )
