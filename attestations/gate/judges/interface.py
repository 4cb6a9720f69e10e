"""A judge: one part of a policy, applied to the evidence; pure."""

from collections.abc import Callable, Iterator

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.model import Policy

__all__ = ["CONTENT", "MAX_DETAILS", "Judge"]

Judge = Callable[[Policy, Evidence], Iterator[Check]]
"""yields the checks that it makes"""

MAX_DETAILS = 100
"""lines of one check"""
CONTENT = frozenset(["manifest claim", "model signature", "links"])
"""what verification calls its checks of the content"""
