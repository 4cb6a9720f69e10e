"""Evidence: the signature, claims and receipt that stand beside an artifact or were named by the caller.

Collecting proves nothing. What can't be read becomes a check of its own and hides nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.claims import ClaimLine, parse_claims, parse_store
from weightmark.attestations.predicates.file_list import FileList
from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    RefusedError,
    SidecarRefusedError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.sidecars import CLAIMS, SidecarPaths, read_bounded, read_sidecar
from weightmark.values import dataclass

__all__ = ["SIDECARS", "STORE_CHECK", "Claim", "Evidence", "SignatureFile", "collect_evidence"]

_UPSTREAM_CLAIMS = "claims.jsonl"
"""proposed upstream for the same purpose; it is read, and it is content"""
SIDECARS = frozenset(["claims", "sidecar"])
"""what checks are called of reserved names and of what stands in them"""
STORE_CHECK = "further claims"
"""what checks are called of stores outside of the reserved names"""
_MAX_STORE_FILES = 1000
_STORE_ENDINGS = (
    ".att",
    ".bundle",
    ".claims",
    ".dsse",
    ".intoto",
    ".sig",
    ".sigstore",
    ".svr",
    ".vsa",
)
_CONTENT_TOO = (".json", ".jsonl")
"""endings of stores that content has as well"""
_LINES_SHOWN = 10


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
    """device and inode of a file that the caller named: this very file is not part of what it signs"""


@dataclass(frozen=True, slots=True)
class Claim:
    """One bundle of a claims file."""

    source: str
    """name of the file it comes from, and the line"""
    bundle: Bundle
    """the parsed bundle"""
    reserved: bool = True
    """whether it stands under the reserved name; what is wrong with a bundle elsewhere is only reported"""


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
    unsupported: tuple[UnsupportedError, ...] = ()
    """claims that are bundles of a kind that this version does not support"""
    lists: Mapping[str, FileList] = field(default_factory=dict)
    """lists of files that stand beside the claims, by digest; a claim that names one vouches for it"""

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """Every bundle that could be parsed, the model signature first."""
        own = (self.signature.bundle,) if self.signature and self.signature.bundle else ()
        return (*own, *(claim.bundle for claim in self.claims))

    @property
    def found_any(self) -> bool:
        """Whether any signature or claim stood there, good or bad; a store of other things is none."""
        bad = any(check.outcome is not Outcome.INFO for check in self.checks)
        return bool(self.signature or self.claims or self.unsupported or bad)


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
    found_signature = None
    if signature is None or signature.resolve() != places.signature:
        # What stands under the reserved name must be a signature even when another one is meant.
        found_signature = _read_signature(places, checks)
    if signature:
        found_signature = _read_named_signature(signature, checks)
    lists: dict[str, FileList] = {}
    found, unsupported = _read_claims(places, checks, lists)
    for store in _stores(artifact, claims):
        found += _read_store(store, named=store in claims, checks=checks, lists=lists)
    receipt = _read_receipt(places, checks)
    return Evidence(
        found_signature, tuple(found), receipt, tuple(checks), tuple(unsupported), lists
    )


def _read_signature(places: SidecarPaths, checks: list[Check]) -> SignatureFile | None:
    path = places.signature
    try:
        data = read_sidecar(path, storage=places.storage)
        return None if data is None else _parse_signature(path, data, (0, 0))
    except MalformedError as error:
        checks.append(_reserved_name_check(path.name, error))
    except WeightmarkError as error:
        checks.append(Check.from_error("sidecar", error))
    return None


def _read_named_signature(path: Path, checks: list[Check]) -> SignatureFile | None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise CallError(
            f"the signature `{path}` does not exist", fix="check the path after `--signature`"
        ) from error
    except OSError as error:
        checks.append(Check.from_error("signature", read_failure(path, error)))
        return None
    try:
        return _parse_signature(path, read_bounded(path), (status.st_dev, status.st_ino))
    except WeightmarkError as error:
        checks.append(Check.from_error("signature", error))
    return None


def _parse_signature(path: Path, data: bytes, file_id: tuple[int, int]) -> SignatureFile:
    try:
        return SignatureFile(path, Bundle.parse(data, what=f"`{path.name}`"), None, file_id)
    except UnsupportedError as error:
        return SignatureFile(path, None, error, file_id)


def _read_claims(
    places: SidecarPaths, checks: list[Check], lists: dict[str, FileList]
) -> tuple[list[Claim], list[UnsupportedError]]:
    """Read the reserved claims file; a line that is no bundle is a failure, one of an unknown kind is not."""
    label = places.claims.name
    try:
        data = read_sidecar(places.claims, storage=places.storage)
        lines = parse_claims(data) if data is not None else ()
    except WeightmarkError as error:
        checks.append(Check.from_error("sidecar", error))
        return [], []
    lines = _without_lists(lines, lists)
    unsupported = [line.error for line in lines if isinstance(line.error, UnsupportedError)]
    checks += [_line_check(label, line.number, line.error) for line in lines if line.error]
    return _good_lines(lines, label, reserved=True), unsupported


def _without_lists(lines: Sequence[ClaimLine], lists: dict[str, FileList]) -> tuple[ClaimLine, ...]:
    """Put the lists of files aside, and return the other lines."""
    lists.update({one.files.digest: one.files for one in lines if one.files})
    return tuple(one for one in lines if one.files is None)


def _line_check(label: str, number: int, error: WeightmarkError) -> Check:
    if isinstance(error, MalformedError):
        return _reserved_name_check(label, error, f" in line {number}")
    summary = f"{label} line {number}: {error.what}"
    if isinstance(error, UnsupportedError):
        return Check("claims", Outcome.INFO, summary, error.why, error.fix)
    return Check("sidecar", Outcome.UNCHECKED, summary, error.why, error.fix)


def _stores(artifact: Artifact, named: Sequence[Path]) -> Iterator[Path]:
    """Yield the stores outside of the reserved name: upstream's file, the sibling, the caller's."""
    if not artifact.single:
        found = (artifact.path / _UPSTREAM_CLAIMS, artifact.sibling_claims)
        yield from (place for place in found if place and place.is_file())
    yield from named


def _read_store(
    store: Path, *, named: bool, checks: list[Check], lists: dict[str, FileList]
) -> list[Claim]:
    """Read one store; what is wrong with its lines is only reported, but a named one must be readable."""
    found: list[Claim] = []
    try:
        files = _store_files(store)
    except (RefusedError, UncheckedError) as error:
        checks.append(_unread_store(error, named=named))
        return found
    for file in files:
        try:
            lines = _without_lists(parse_store(read_bounded(file)), lists)
        except (RefusedError, UncheckedError) as error:
            checks.append(_unread_store(error, named=named))
            continue
        found += _good_lines(lines, file.name, reserved=False)
        _report_lines(file.name, lines, checks)
    return found


def _unread_store(error: WeightmarkError, *, named: bool) -> Check:
    outcome = Outcome.UNCHECKED if named else Outcome.INFO
    return Check(STORE_CHECK, outcome, f"claims not read: {error.what}", error.why, error.fix)


def _store_files(store: Path) -> list[Path]:
    """Return a file as it was named; of a folder the files that are called as claims are.

    Where `model.claims` stands among them, the folder may be that of an artifact.
    """
    try:
        if not store.is_dir():
            store.stat()
            return [store]
        found = sorted(path for path in store.iterdir() if path.is_file())
    except FileNotFoundError as error:
        raise CallError(
            f"the claims `{store}` do not exist", fix="check the path after `--claims`"
        ) from error
    except OSError as error:
        raise read_failure(store, error) from error
    beside = any(path.name == CLAIMS for path in found)
    files = [path for path in found if _may_hold_claims(path.name, beside=beside)]
    if len(files) > _MAX_STORE_FILES:
        raise LimitError(
            f"`{store}` holds over {_MAX_STORE_FILES} files", fix="name the files that matter"
        )
    return files


def _may_hold_claims(name: str, *, beside: bool) -> bool:
    """Tell whether a file of a store is read; `beside` those of an artifact what its content may be called is not."""
    if name.endswith(_STORE_ENDINGS):
        return True
    return not beside and (name.endswith(_CONTENT_TOO) or "." not in name)


def _report_lines(label: str, lines: Sequence[ClaimLine], checks: list[Check]) -> None:
    errors = [line.error.what for line in lines if line.error]
    if errors:
        count = "1 line" if len(errors) == 1 else f"{len(errors)} lines"
        more = ("…",) if len(errors) > _LINES_SHOWN else ()
        checks.append(
            Check(
                STORE_CHECK,
                Outcome.INFO,
                f"{count} of `{label}` hold no claim that can be judged",
                details=(*errors[:_LINES_SHOWN], *more),
            )
        )


def _good_lines(lines: Sequence[ClaimLine], label: str, *, reserved: bool) -> list[Claim]:
    return [Claim(f"{label} {line.where}", line.bundle, reserved) for line in lines if line.bundle]


def _read_receipt(places: SidecarPaths, checks: list[Check]) -> bytes | None:
    path = places.receipt
    try:
        data = read_sidecar(path, storage=places.storage)
        if data is not None:
            _check_receipt(data)
    except MalformedError as error:
        checks.append(_reserved_name_check(path.name, error))
        return None
    except WeightmarkError as error:
        checks.append(Check.from_error("sidecar", error))
        return None
    return data


def _check_receipt(data: bytes) -> None:
    from weightmark.provenance.ledger.proof import parse_proof

    parse_proof(data)


def _reserved_name_check(label: str, error: WeightmarkError, where: str = "") -> Check:
    refused = SidecarRefusedError(
        f"reserved name `{label}` holds something else{where}: {error.what}",
        why=error.why
        or "reserved names lie outside the artifact's identity, so they hold nothing but their own format",
        fix="get the file again from the publisher, or remove it",
    )
    return Check.from_error("sidecar", refused)
