"""The provenance chain: from the artifact at hand to everything it was made from, by verified claims only.

chain = build_chain(identity, bundles, roles)
chain.gaps        what is missing, and the command that would supply it
"""

from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.model import Chain, Gap, GapKind, Known, Refusal, StepRoles

__all__ = ["Chain", "Gap", "GapKind", "Known", "Refusal", "StepRoles", "build_chain"]
