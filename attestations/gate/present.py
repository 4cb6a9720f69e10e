"""What is said of the copy at hand, whoever vouches for its content: names, and what stands under reserved ones."""

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.judges.interface import SIDECARS
from weightmark.attestations.policy.choices import Clashes
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.verifying.belief import Belief
from weightmark.attestations.verifying.evidence import STORE_CHECK, Evidence
from weightmark.attestations.verifying.verification import VerifyOptions, judge
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.names import escape_path

__all__ = ["clashes_of", "present_checks"]

_NOBODY = Belief(None, (), (), (), ())
_OF_THE_COPY = frozenset([*SIDECARS, STORE_CHECK, "names"])


def present_checks(artifact: Artifact, found: Evidence, policy: Policy) -> tuple[Check, ...]:
    """Return what verification says of names and reserved names of the copy at hand."""
    options = VerifyOptions(allow_clashes=policy.names.clashes is Clashes.ALLOW)
    beside = Evidence(None, (), None, found.checks)
    report = judge(artifact, beside, _NOBODY, None, options)
    return tuple(one for one in report.checks if one.name in _OF_THE_COPY)


def clashes_of(artifact: Artifact) -> tuple[str, ...]:
    """Return the names that are something else on other systems, one line each."""
    return tuple(
        f"{' and '.join(f'`{escape_path(path)}`' for path in clash.paths)} {clash.reason}"
        for clash in artifact.clashes
    )
