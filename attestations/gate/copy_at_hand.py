"""What is said of the copy at hand, whoever vouches for its content: names, and what stands under reserved ones."""

from weightmark.attestations.checks import Check, merge_checks
from weightmark.attestations.policy.choices import Clashes
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.verifying.evidence import SIDECARS, STORE_CHECK, Evidence
from weightmark.attestations.verifying.tree_checks import tree_checks
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.names import escape_path

__all__ = ["clashes_of", "present_checks"]

_OF_THE_COPY = frozenset([*SIDECARS, STORE_CHECK, "names"])


def present_checks(artifact: Artifact, found: Evidence, policy: Policy) -> tuple[Check, ...]:
    """Return what verification says of names and reserved names of the copy at hand."""
    allowed = policy.names.clashes is Clashes.ALLOW
    told = (*found.checks, *tree_checks(artifact, (), allow_clashes=allowed))
    return merge_checks(one for one in told if one.name in _OF_THE_COPY)


def clashes_of(artifact: Artifact) -> tuple[str, ...]:
    """Return the names that are something else on other systems, one line each."""
    return tuple(
        f"{' and '.join(f'`{escape_path(path)}`' for path in clash.paths)} {clash.reason}"
        for clash in artifact.clashes
    )
