"""Predicate `test-result/v0.1` (in-toto): whether the subject passed its tests."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor, read_descriptors
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.values import dataclass

__all__ = ["TEST_RESULT_PREDICATE", "ResultOfTests"]

TEST_RESULT_PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_RESULTS = ("PASSED", "WARNED", "FAILED")


@dataclass(frozen=True)
class ResultOfTests:
    """The outcome of one run of tests or evaluations."""

    result: str
    """`PASSED`, `WARNED` or `FAILED`"""
    configuration: tuple[Descriptor, ...]
    """what the tests were: scripts, datasets, settings"""
    url: str = ""
    """where the run can be looked at"""
    passed: tuple[str, ...] = ()
    """names of tests"""
    warned: tuple[str, ...] = ()
    """names of tests"""
    failed: tuple[str, ...] = ()
    """names of tests"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the test result")
        return cls(
            result=fields.choice("result", _RESULTS),
            configuration=read_descriptors(fields.parts("configuration")),
            url=fields.optional_text("url"),
            passed=fields.optional_texts("passedTests"),
            warned=fields.optional_texts("warnedTests"),
            failed=fields.optional_texts("failedTests"),
            extensions=fields.rest,
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extensions,
            "result": self.result,
            "configuration": [one.to_json() for one in self.configuration],
            **without_empty(
                {
                    "url": self.url,
                    "passedTests": list(self.passed),
                    "warnedTests": list(self.warned),
                    "failedTests": list(self.failed),
                }
            ),
        }
