"""Predicate `dataset/v1`: what a dataset is, where it comes from and how it may be used."""

from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["DATASET_PREDICATE", "DatasetClaim"]

DATASET_PREDICATE = "https://weightmark/predicates/dataset/v1"
_OPTIONAL = {"sources", "collected", "records", "personal_data"}


@dataclass(frozen=True, slots=True)
class DatasetClaim:
    """What its signer says of a dataset."""

    license: str
    """SPDX expression, as `CC-BY-4.0`"""
    sources: tuple[str, ...] = ()
    """URIs, informational"""
    collected: str = ""
    """when or in which period, in words"""
    records: str = ""
    """how many, in decimal"""
    personal_data: str = ""
    """`none`, `pseudonymized` or `present`; empty when nobody said"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        checked = require_fields(
            statement.predicate, "the dataset predicate", {"license"}, optional=_OPTIONAL
        )
        fields = Fields(checked, "the dataset predicate")
        personal = fields.optional_text("personal_data")
        if personal not in {"", "none", "pseudonymized", "present"}:
            raise MalformedError(
                "`personal_data` of the dataset predicate is not none, pseudonymized or present"
            )
        records = fields.optional_text("records")
        if records and not (records.isascii() and records.isdigit()):
            raise MalformedError("`records` of the dataset predicate is not a decimal number")
        return cls(
            fields.text("license"),
            fields.optional_texts("sources"),
            fields.optional_text("collected"),
            records,
            personal,
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "license": self.license,
            **without_empty(
                {
                    "sources": list(self.sources),
                    "collected": self.collected,
                    "records": self.records,
                    "personal_data": self.personal_data,
                }
            ),
        }
