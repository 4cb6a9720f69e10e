"""Verifying a classic in-toto layout through the `in-toto` library, step by step; inspections are never run.

The library's own entry point runs the commands of inspections, also those of sublayouts, on the
verifier's machine. Here its parts are called one after the other, sublayouts included, and an
inspection makes the answer `could not be checked`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.layouts.links import in_toto_key, require_in_toto
from weightmark.attestations.layouts.remarks import remarks_of
from weightmark.errors import (
    CallError,
    ExpiredError,
    LimitError,
    MalformedError,
    NothingCheckedError,
    RefusedError,
    TamperedError,
    WeightmarkError,
    WrongSignerError,
    read_failure,
)
from weightmark.provenance.names import escape_path
from weightmark.provenance.sidecars import read_bounded
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["VerifiedLayout", "product_checks", "verify_layout"]

_MAX_DEPTH = 8
_MAX_LINKS = 1000
_SHOWN = 20
_NOT_RECORDED = (".pyc", "~", ".link")
"""names that the library leaves out of links unless told otherwise"""


@dataclass(frozen=True)
class VerifiedLayout:
    """What came of a layout; `products` count only when no check is bad."""

    checks: tuple[Check, ...]
    """signature, steps, inspections"""
    steps: tuple[str, ...]
    """names of the steps, in the layout's order"""
    products: Mapping[str, str]
    """what the last step made: path and SHA-256, lowercase hex"""


def verify_layout(layout: Path, keys: Sequence[PublicKey], links: Path) -> VerifiedLayout:
    """Verify a layout with the owners' keys and the links in a folder.

    Raises `CallError` when a file is missing, `MalformedError`, `WrongSignerError`, `ExpiredError`,
    `RefusedError` when a step or a rule does not hold, `ExtraMissingError` without the library.
    """
    require_in_toto()
    if not links.is_dir():
        raise CallError(f"`{links}` is no folder of links", fix="name it with `--links DIR`")
    _check_files(links)
    loaded = _load(layout)
    owners = {key["keyid"]: key for key in map(in_toto_key, keys)}
    remarks: list[str] = []
    try:
        walked = _Walk()
        with remarks_of("in_toto", remarks):
            summary = walked.verify(loaded, owners, links, "", 0)
    except WeightmarkError:
        raise
    except Exception as error:
        raise _refusal(error, loaded) from error
    payload = loaded.get_payload()
    names = tuple(str(step.name) for step in payload.steps)
    if not names:
        raise NothingCheckedError(
            "the layout demands no step",
            why="whatever was done would be as it demands",
            fix="ask its owner for a layout that names steps",
        )
    checks = [Check("layout", Outcome.PASS, f"{counted(len(names), 'step')} as the layout demands")]
    checks += walked.checks()
    if remarks:
        told = tuple(f"the `in-toto` library says: {one}" for one in remarks[:_SHOWN])
        checks.append(Check("remarks", Outcome.INFO, told[0], details=told[1:]))
    products = {
        str(path): str(digests.get("sha256", "")) for path, digests in summary.products.items()
    }
    return VerifiedLayout(tuple(checks), names, products)


def product_checks(
    products: Mapping[str, str], sha256: Mapping[str, str], root: str
) -> list[Check]:
    """Compare what the last step made with the files of an artifact; `root` is how the links call its folder."""
    prefix = f"{root.rstrip('/')}/" if root not in {"", "."} else ""
    expected = {
        path.removeprefix(prefix): digest
        for path, digest in products.items()
        if path.startswith(prefix)
    }
    other = [path for path, digest in sha256.items() if expected.get(path, digest) != digest]
    extra = [path for path in sha256 if path not in expected]
    missing = [path for path in expected if path not in sha256]
    checks = []
    for paths, words in (
        (other, "differ from what the last step made"),
        (missing, "that the last step made are missing"),
        (extra, "were made by no step"),
    ):
        if paths:
            checks.append(_product_check(paths, words))
    if not checks:
        count = counted(len(sha256), "file")
        checks.append(Check("products", Outcome.PASS, f"{count} as the last step made them"))
    return checks


class _Walk:
    """Verifies a layout and its sublayouts, and remembers the inspections that were not run."""

    def __init__(self) -> None:
        self._inspections: list[str] = []

    def verify(
        self, metadata: Any, keys: Mapping[str, Any], folder: Path, name: str, depth: int
    ) -> Any:
        """Return the summary link of one layout; raises what the library raises."""
        from in_toto import verifylib

        if depth > _MAX_DEPTH:
            raise LimitError(f"the layout holds sublayouts deeper than {_MAX_DEPTH} levels")
        verifylib.verify_metadata_signatures(metadata, dict(keys))
        layout = metadata.get_payload()
        if layout.type_ != "layout":
            raise MalformedError("the file is a link, not a layout")
        verifylib.verify_layout_expiration(layout)
        if any(step.threshold < 1 for step in layout.steps):
            raise MalformedError(
                "a step of the layout is content with nobody: its threshold is below 1"
            )
        self._inspections += [str(one.name) for one in layout.inspect]
        found = verifylib.load_links_for_layout(layout, str(folder))
        signed = verifylib.verify_link_signature_thresholds(layout, found)
        chain: dict[str, dict[str, Any]] = {}
        for step, links in signed.items():
            inner = _Sublayouts(self, layout, folder, step, depth + 1)
            chain[step] = {key: inner.resolve(one, key) for key, one in links.items()}
        verifylib.verify_all_steps_command_alignment(layout, chain)
        verifylib.verify_threshold_constraints(layout, chain)
        reduced = verifylib.reduce_chain_links(chain)
        verifylib.verify_all_item_rules(layout.steps, reduced)
        return verifylib.get_summary_link(layout, reduced, name)

    def checks(self) -> Iterator[Check]:
        """Say which inspections were not run."""
        if self._inspections:
            names = ", ".join(f"`{name[:80]}`" for name in self._inspections[:_SHOWN])
            yield Check(
                "inspections",
                Outcome.UNCHECKED,
                f"{counted(len(self._inspections), 'inspection')} not run: {names}",
                "an inspection is a command that the layout names; weightmark runs nothing that it judges",
                "name the artifact, whose files are then compared with the products of the last step",
                code="inspection-not-run",
            )


@dataclass(frozen=True, slots=True)
class _Sublayouts:
    """The links of one step, in which a layout may stand in for a link."""

    walk: _Walk
    layout: Any
    folder: Path
    step: str
    depth: int

    def resolve(self, metadata: Any, key: str) -> Any:
        """Return a step's link, or the summary of the sublayout that stands in for it."""
        from in_toto.models.layout import SUBLAYOUT_LINK_DIR_FORMAT

        payload = metadata.get_payload()
        if payload.type_ != "layout":
            return payload
        inner = self.folder / SUBLAYOUT_LINK_DIR_FORMAT.format(name=self.step, keyid=key)
        owners = {key: self.layout.keys.get(key)}
        return self.walk.verify(metadata, owners, inner, self.step, self.depth)


def _load(path: Path) -> Any:
    from in_toto.models.metadata import Metadata

    if not path.is_file():
        raise CallError(f"the layout `{path}` does not exist", fix="check the path")
    fields = parse_object(read_bounded(path), what=f"`{path.name}`")
    try:
        return Metadata.from_dict(fields)
    except Exception as error:
        raise MalformedError(f"`{path.name}` is no layout of in-toto: {error}") from error


def _check_files(folder: Path) -> None:
    """Refuse links that two readers could read in two ways, and more of them than a layout needs."""
    try:
        files = sorted(folder.rglob("*.link"))
    except OSError as error:
        raise read_failure(folder, error) from error
    if len(files) > _MAX_LINKS:
        raise LimitError(
            f"`{folder}` holds over {_MAX_LINKS} links", fix="name the folder of this layout"
        )
    for path in files:
        parse_object(read_bounded(path), what=f"`{path.name}`")


def _refusal(error: Exception, layout: Any) -> WeightmarkError:
    """Say an error of the library in our own words; what is unknown is malformed, never good."""
    from in_toto import exceptions

    words = str(error)[:500]
    if isinstance(error, exceptions.SignatureVerificationError):
        named = ", ".join(f"`{one[:16]}…`" for one in _signers(layout)) or "nobody"
        return WrongSignerError(
            "the layout is not signed by its owners",
            why=f"the keys that you named did not sign it; it names, unverified, {named}",
            fix="name every owner's public key with `--key`, or get the layout again from them",
        )
    if isinstance(error, exceptions.LayoutExpiredError):
        return ExpiredError("the layout has expired", why=words, fix="ask its owners for a new one")
    if isinstance(error, exceptions.LinkNotFoundError):
        return RefusedError(
            "a step has fewer links than the layout demands",
            why=words,
            fix="name the folder that holds them with `--links DIR`",
        )
    if isinstance(error, exceptions.ThresholdVerificationError):
        return RefusedError("a step is not stated by as many as the layout demands", why=words)
    if isinstance(error, exceptions.RuleVerificationError):
        return TamperedError("a rule of the layout does not hold", why=words)
    return MalformedError("the layout or a link of it can't be read", why=words)


def _signers(layout: Any) -> list[str]:
    """Return the ids of the keys that a layout says it is signed by; nothing is verified."""
    named = (str(one.get("keyid", "")) for one in layout.to_dict().get("signatures", ()))
    return sorted(set(named))[:_MAX_DEPTH]


def _product_check(paths: Sequence[str], words: str) -> Check:
    hidden = [path for path in paths if path.endswith(_NOT_RECORDED)]
    why = ""
    if hidden:
        why = "in-toto leaves `*.pyc`, `*~`, `.git` and `*.link*` out of links unless it is told otherwise"
    details = tuple(f"`{escape_path(path)}`" for path in paths[:_SHOWN])
    summary = f"{counted(len(paths), 'file')} {words}"
    return Check("products", Outcome.FAIL, summary, why, details=details, code="products-differ")
