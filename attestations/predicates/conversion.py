"""Predicate `conversion/v1`: the subject holds the very weights of another file in another format.

The subject is the file that was written. What is stated was computed, never copied from a file: the
tensors of both files were hashed, and their weights digests are one.
"""

import re
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.manifest import parse_identity
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.scanners.convert import Conversion, FileName

__all__ = ["CONVERSION_PREDICATE", "ConversionClaim", "NamedFile"]

CONVERSION_PREDICATE = "https://weightmark/predicates/conversion/v1"
_WHAT = "the conversion predicate"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST = 2**53
_LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class NamedFile:
    """One of the two files."""

    identity: str
    """`wm1:<hex>`"""
    sha256: str
    """`sha256:<hex>` of its bytes"""
    size: int
    """bytes"""

    @classmethod
    def of(cls, name: "FileName") -> Self:
        """Take what a pass over the file gave."""
        return cls(name.identity, f"sha256:{name.sha256}", name.size)

    @classmethod
    def parse(cls, value: object, what: str) -> Self:
        """Read the JSON form; raises `MalformedError`."""
        fields = require_fields(value, what, {"identity", "digest", "size"})
        identity, sha256, size = fields["identity"], fields["digest"], fields["size"]
        if not isinstance(identity, str) or not isinstance(sha256, str):
            raise MalformedError(f"{what} has fields of the wrong type")
        if not _DIGEST.fullmatch(sha256):
            raise MalformedError(f"{what} has a digest that is no SHA-256")
        if type(size) is not int or not 0 <= size < _LARGEST:
            raise MalformedError(f"{what} has a size that is none")
        return cls(parse_identity(identity), sha256, size)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"identity": self.identity, "digest": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True)
class ConversionClaim:
    """A statement "these two files hold the same weights: the second was made from the first"."""

    converter: str
    """who converted, as `weightmark 0.1.0`"""
    source: NamedFile
    """what was converted"""
    at: str
    """the key of the dict inside the source; empty for all of it"""
    output: NamedFile
    """what was written, and the subject"""
    tensors: int
    """how many names there are in both"""
    weights: str
    """`sha256:<hex>` over names, types, shapes and bytes of the tensors of both files"""
    values: str
    """`sha256:<hex>` over the same without the names"""

    @classmethod
    def of(cls, done: "Conversion") -> Self:
        """Make the claim about a conversion whose output was read back.

        Raises `MalformedError` where the two files hold different weights.
        """
        from weightmark import __version__

        if done.source.weights != done.written.weights:
            raise MalformedError("the two files of the conversion hold different weights")
        return cls(
            f"weightmark {__version__}",
            NamedFile.of(done.source_file),
            done.at,
            NamedFile.of(done.written_file),
            len(done.written),
            done.written.weights,
            done.written.values,
        )

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`, also for a subject that is not the output."""
        if statement.predicate_type != CONVERSION_PREDICATE:
            raise MalformedError("the statement is no conversion")
        names = {"converter", "source", "output", "tensors", "weights", "values"}
        fields = require_fields(statement.predicate, _WHAT, names, optional={"at"})
        converter, at, count = fields["converter"], fields.get("at", ""), fields["tensors"]
        if not isinstance(converter, str) or not isinstance(at, str) or len(at) > _LONGEST_KEY:
            raise MalformedError(f"{_WHAT} has fields of the wrong type")
        if type(count) is not int or not 0 < count < _LARGEST:
            raise MalformedError(f"{_WHAT} counts no tensors")
        digests = [_digest(fields[name]) for name in ("weights", "values")]
        source = NamedFile.parse(fields["source"], f"the source of {_WHAT}")
        output = NamedFile.parse(fields["output"], f"the output of {_WHAT}")
        if statement.subject.identity != output.identity:
            raise MalformedError(f"the subject of {_WHAT} is another file than its output")
        return cls(converter, source, at, output, count, *digests)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields: dict[str, Any] = {
            "converter": self.converter,
            "source": self.source.to_json(),
            "output": self.output.to_json(),
            "tensors": self.tensors,
            "weights": self.weights,
            "values": self.values,
        }
        return fields | ({"at": self.at} if self.at else {})


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise MalformedError(f"{_WHAT} has a digest that is no SHA-256")
    return value
