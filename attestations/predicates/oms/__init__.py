"""OMS v1.0 (OpenSSF Model Signing): what `model.sig` says, read leniently in form and strictly in meaning.

    claim = OmsClaim.from_statement(verified.statement)
    claim.files, claim.serialization, claim.notices

Sources: OMS specification v1.0 §5 and §6; what the reference signers from 0.2 to 1.1.1 write.
"""

from weightmark.attestations.predicates.oms.claim import OMS_PREDICATE, SILENT_IGNORES, OmsClaim
from weightmark.attestations.predicates.oms.serialization import Method, Serialization

__all__ = ["OMS_PREDICATE", "SILENT_IGNORES", "Method", "OmsClaim", "Serialization"]
