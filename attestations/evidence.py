"""Evidence: the signature, claims and receipt that stand beside an artifact or were named by the caller.

Collecting proves nothing. What can't be read becomes a check of its own and hides nothing else.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.claims import ClaimLine, parse_claims
from weightmark.errors import (
    CallError,
    MalformedError,
    SidecarRefusedError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.ledger.proof import parse_proof
from weightmark.provenance.sidecars import SidecarPaths, read_bounded, read_sidecar

__all__ = ["Claim", "Evidence", "SignatureFile", "collect_evidence"]

_UPSTREAM_CLAIMS = "claims.jsonl"
"""proposed upstream for the same purpose; it is read, and it is content"""


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """A model signature and the file that holds it."""

    path: Path
    """where it stands"""
    bundle: Bundle | None
    """the parsed bundle; None when it is of a kind that this version does not support"""
    unsupported: UnsupportedError | None
    """why it is not supported"""
    file_id: tuple[int, int]
    """device and inode: this very file is not part of what it signs"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One bundle of a claims file."""

    source: str
    """name of the file it comes from, and the line"""
    bundle: Bundle
    """the parsed bundle"""


@dataclass(frozen=True)
class Evidence:
    """All that was found for one artifact."""

    signature: SignatureFile | None
    """`model.sig`, or the file named by the caller"""
    claims: tuple[Claim, ...]
    """bundles in the order in which they stand; later ones are newer"""
    receipt: bytes | None
    """`model.receipt`, well-formed"""
    checks: tuple[Check, ...]
    """what is wrong with the files themselves"""

    @property
    def found_any(self) -> bool:
        """Whether anything stood there, good or bad."""
        return bool(self.signature or self.claims or self.checks)


def collect_evidence(
    artifact: Artifact,
    *,
    signature: Path | None = None,
    claims: Sequence[Path] = (),
    sidecars: SidecarPaths | None = None,
) -> Evidence:
    """Read the files beside `artifact`, and those that the caller names instead or in addition.

    Raises `CallError` when a file that the caller names does not exist.
    """
    places = sidecars or artifact.sidecars
    checks: list[Check] = []
    found_signature = _read_signature(signature or places.signature, signature is not None, checks)
    found = list(_read_claims(places.claims, places.claims.name, checks))
    found += _read_more_claims(artifact, claims, checks)
    receipt = _read_receipt(places.receipt, checks)
    return Evidence(found_signature, tuple(found), receipt, tuple(checks))


def _read_signature(path: Path, named: bool, checks: list[Check]) -> SignatureFile | None:
    if named and not path.exists():
        raise CallError(
            f"the signature `{path}` does not exist", fix="check the path after `--signature`"
        )
    try:
        data = read_bounded(path) if named else read_sidecar(path)
        if data is None:
            return None
        status = path.stat()
        file_id = (status.st_dev, status.st_ino)
        return SignatureFile(path, Bundle.parse(data, what=f"`{path.name}`"), None, file_id)
    except UnsupportedError as error:
        return SignatureFile(path, None, error, (0, 0))
    except MalformedError as error:
        checks.append(_reserved_name_check("signature", path.name, error))
    except (WeightmarkError, OSError) as error:
        checks.append(_failed("signature", path, error))
    return None


def _read_claims(path: Path, label: str, checks: list[Check]) -> list[Claim]:
    """Read the reserved claims file; a line that is no bundle is a failure, one of an unknown kind is not."""
    try:
        data = read_sidecar(path)
        lines = parse_claims(data) if data is not None else ()
    except WeightmarkError as error:
        checks.append(Check.from_error("claims", error))
        return []
    broken = [line for line in lines if line.error and not isinstance(line.error, UnsupportedError)]
    checks += [_reserved_name_check("claims", label, line.error) for line in broken if line.error]
    checks += [
        Check("claims", Outcome.INFO, str(line.error))
        for line in lines
        if isinstance(line.error, UnsupportedError)
    ]
    return _good_lines(lines, label)


def _read_more_claims(
    artifact: Artifact, named: Sequence[Path], checks: list[Check]
) -> list[Claim]:
    """Read stores outside of the reserved name; what is wrong with their lines is only reported."""
    sibling = artifact.path.with_name(artifact.path.name + ".claims")
    places = [] if artifact.single else [artifact.path / _UPSTREAM_CLAIMS, sibling]
    found: list[Claim] = []
    for path in (*(place for place in places if place.is_file()), *named):
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if not file.exists():
                raise CallError(
                    f"the claims `{file}` do not exist", fix="check the path after `--claims`"
                )
            try:
                lines = parse_claims(read_bounded(file))
            except WeightmarkError as error:
                checks.append(
                    Check("claims", Outcome.INFO, f"`{file.name}` was not read: {error.what}")
                )
                continue
            checks += [
                Check("claims", Outcome.INFO, line.error.what) for line in lines if line.error
            ]
            found += _good_lines(lines, file.name)
    return found


def _good_lines(lines: Sequence[ClaimLine], label: str) -> list[Claim]:
    return [Claim(f"{label} line {line.number}", line.bundle) for line in lines if line.bundle]


def _read_receipt(path: Path, checks: list[Check]) -> bytes | None:
    try:
        data = read_sidecar(path)
        if data is not None:
            parse_proof(data)
    except MalformedError as error:
        checks.append(_reserved_name_check("receipt", path.name, error))
        return None
    except WeightmarkError as error:
        checks.append(Check.from_error("receipt", error))
        return None
    return data


def _reserved_name_check(name: str, label: str, error: WeightmarkError) -> Check:
    refused = SidecarRefusedError(
        f"reserved name `{label}` holds something else: {error.what}",
        why=error.why
        or "reserved names lie outside the artifact's identity, so they hold nothing but their own format",
        fix="get the file again from the publisher, or remove it",
    )
    return Check.from_error(name, refused)


def _failed(name: str, path: Path, error: WeightmarkError | OSError) -> Check:
    if isinstance(error, WeightmarkError):
        return Check.from_error(name, error)
    return Check(
        name, Outcome.UNCHECKED, f"cannot read `{path}`: {os.strerror(error.errno or 0).lower()}"
    )
