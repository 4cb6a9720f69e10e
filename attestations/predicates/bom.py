"""Predicates that are whole bills of materials: CycloneDX and SPDX, in their own formats."""

from typing import Any, Self

from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["CYCLONEDX_PREDICATE", "SPDX_PREDICATE", "BillOfMaterials"]

CYCLONEDX_PREDICATE = "https://cyclonedx.org/bom"
SPDX_PREDICATE = "https://spdx.dev/Document"


@dataclass(frozen=True)
class BillOfMaterials:
    """A document of which only form and version are read; its content is the reader's."""

    form: str
    """`CycloneDX` or `SPDX`"""
    version: str
    """of the form, as `1.6` or `SPDX-2.3`; empty where SPDX 3 names it in its graph only"""
    document: dict[str, Any]
    """as it stands"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        if statement.predicate_type == CYCLONEDX_PREDICATE:
            fields = Fields(statement.predicate, "the CycloneDX document")
            fields.choice("bomFormat", ("CycloneDX",))
            return cls("CycloneDX", fields.text("specVersion"), statement.predicate)
        fields = Fields(statement.predicate, "the SPDX document")
        version = fields.optional_text("spdxVersion")
        if not version and not isinstance(statement.predicate.get("@graph"), list):
            raise MalformedError("the SPDX document has neither `spdxVersion` nor `@graph`")
        return cls("SPDX", version, statement.predicate)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self.document
