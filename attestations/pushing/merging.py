"""Sidecars that meet where something is published: ours and those that stand there; nobody's are dropped.

Which of two signatures keeps the name `model.sig` depends on what they list, not on who made them: a
release after the first finds the signature of the one before, and whoever pulls would refuse both.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.claims import render_claims
from weightmark.attestations.ignored_paths import beneath_any
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.sidecars import CLAIMS, RECEIPT, SIGNATURE
from weightmark.values import dataclass

__all__ = ["Contents", "Sidecars"]

_OMS = OMS_PREDICATE.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Contents:
    """What claims may be about: the files as they were read."""

    identity: str
    """`wm1:…`"""
    sha256: Mapping[str, str]
    """path to SHA-256, lowercase hex"""

    def fit(self, raw: bytes) -> bool | None:
        """Tell whether a bundle is about exactly this; None when it can't be told. Nobody verifies it here."""
        try:
            envelope = Bundle.parse(raw).envelope
            statement = Statement.parse(envelope.payload_type, envelope.payload)
            if statement.predicate_type.startswith(f"{_OMS}/"):
                return self._fit_model_signature(OmsClaim.from_statement(statement))
        except UnsupportedError:
            return None
        except WeightmarkError:
            return False
        digests = {self.identity.partition(":")[2], *self.sha256.values()}
        return any(one.sha256 in digests for one in statement.subjects)

    def _fit_model_signature(self, oms: OmsClaim) -> bool | None:
        signed = {
            path: digest
            for path, digest in self.sha256.items()
            if in_oms_set(path) and beneath_any(path, frozenset(oms.ignore_paths)) is None
        }
        if not oms.whole_sha256:
            return None if oms.files.keys() <= signed.keys() else False
        return oms.files == signed


@dataclass(frozen=True, slots=True)
class Sidecars:
    """What lies beside the files at one place."""

    signature: bytes | None = None
    """`model.sig`"""
    claims: Sequence[bytes] = ()
    """lines of `model.claims`, and of other stores"""
    receipt: bytes | None = None
    """`model.receipt`"""

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "Sidecars":
        """Read them by their names."""
        lines = [line for line in files.get(CLAIMS, b"").split(b"\n") if line.strip()]
        return cls(files.get(SIGNATURE), lines, files.get(RECEIPT))

    def require_about(self, contents: Contents, where: Path) -> None:
        """Raise `CallError` when there are claims, and all are about something else; what can't be told passes."""
        bundles = (*([self.signature] if self.signature else []), *self.claims)
        if bundles and all(contents.fit(one) is False for one in bundles):
            raise CallError(
                f"no claim beside `{where}` is about what it holds now",
                why="a file changed since it was signed, and whoever pulls it would refuse it",
                fix="look at what changed, `weightmark sign` again, and push",
            )

    def added_to(
        self, there: "Sidecars", contents: Contents, *, alike: bool
    ) -> tuple[dict[str, bytes], int]:
        """Return the files that have to be written, and how many claims are new.

        `alike` tells whether the files there are `contents`: then a signature there that can't be
        compared is taken to fit.
        """
        chosen = self._chosen(there.signature, contents, alike=alike)
        others = [one for one in (there.signature, self.signature) if one and one != chosen]
        lines = dict.fromkeys([*self.claims, *_as_lines(others)])
        new = [line for line in lines if line not in there.claims]
        merged: dict[str, bytes] = {}
        if chosen and chosen != there.signature:
            merged[SIGNATURE] = chosen
        if new:
            merged[CLAIMS] = render_claims([*there.claims, *new])
        if self.receipt and self.receipt != there.receipt:
            merged[RECEIPT] = self.receipt
        moved = len({*_as_lines([there.signature or b""])} & {*new})
        return merged, len(new) - moved + (SIGNATURE in merged)

    def _chosen(self, theirs: bytes | None, contents: Contents, *, alike: bool) -> bytes | None:
        """Return what is `model.sig` from now on: theirs while it fits, else ours."""
        if self.signature is None or theirs is None:
            return self.signature or theirs
        fits = contents.fit(theirs)
        return theirs if fits or (fits is None and alike) else self.signature


def _as_lines(signatures: Sequence[bytes]) -> list[bytes]:
    """Return signatures as lines of claims; what is none says nothing, and is left out."""
    lines = []
    for one in signatures:
        with suppress(MalformedError):
            lines.append(Bundle.parse(one).to_bytes())
    return lines
