"""`weightmark trust show`: whom a trust file or a trusted root believes, and until when."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.trust.interface import Anchor
    from weightmark.attestations.trust.roots import Root
    from weightmark.attestations.trust.trust_file import TrustFile

__all__ = ["show"]

_SCHEMA = "weightmark/trust-show/v1"
_MAX_ROOT = 4 * 1024 * 1024


@command("trust show")
@click.argument("word", metavar="[NAME|FILE]", required=False)
@pass_console
def show(console: Console, word: str | None) -> None:
    """Show whom a trust file or a trusted root believes, and when that ends.

    A name is a trust file in your configuration, or `public-good` or `staging` for the roots that
    come with weightmark. Without one, all names are listed.
    """
    from weightmark.attestations.trust.roots import BUILT_IN_ROOTS, built_in_root, parse_root
    from weightmark.attestations.trust.trust_file import find_trust_file, load_trust_file
    from weightmark.provenance.sidecars import read_named

    if word is None:
        console.finish(_names(BUILT_IN_ROOTS))
    if word in BUILT_IN_ROOTS:
        console.finish(_root_document(str(word), built_in_root(str(word))))
    if str(word).endswith(".json"):
        data = read_named(Path(str(word)), "trusted root", limit=_MAX_ROOT)
        console.finish(_root_document(str(word), parse_root(data, name=str(word))))
    path = find_trust_file(str(word), trust_directory())
    console.finish(_file_document(str(path), load_trust_file(path)))


def _names(built_in: Iterable[str]) -> Document:
    directory = trust_directory()
    found = sorted(directory.glob("*.toml")) if directory.is_dir() else []
    names: list[dict[str, str | None]] = [{"name": path.stem, "path": str(path)} for path in found]
    names += [{"name": name, "path": None} for name in built_in]
    return Document(
        schema=_SCHEMA,
        exit=Exit.GOOD,
        facts={
            "path": None,
            "digest": None,
            "expires": None,
            "anchors": [],
            "roots": [],
            "witnesses": [],
            "cosignatures": 0,
            "names": names,
        },
        lines=tuple(
            f"{one['name']:<20}  {one['path'] or 'comes with weightmark'}" for one in names
        ),
    )


def _file_document(path: str, file: "TrustFile") -> Document:
    anchors = [_anchor_facts(anchor) for anchor in file.anchors]
    others = [anchor.expires != anchor.validity.not_after for anchor in file.anchors]
    ends = [anchor.expires for anchor in file.anchors if anchor.expires]
    roots = [_root_facts(root) for root in file.roots]
    lines = [_anchor_line(one, by=by) for one, by in zip(anchors, others, strict=True)]
    lines += [line for root in roots for line in _root_lines(root)]
    lines += [f"witness {one.label:<12}  {one.key.name}" for one in file.witnesses]
    if file.cosignatures:
        lines.append(f"each log needs cosignatures by {file.cosignatures} of the witnesses")
    return Document(
        schema=_SCHEMA,
        exit=Exit.GOOD,
        facts={
            "path": path,
            "digest": f"sha256:{file.sha256}",
            "expires": _time(min(ends, default=None)),
            "anchors": anchors,
            "roots": roots,
            "witnesses": [{"label": one.label, "name": one.key.name} for one in file.witnesses],
            "cosignatures": file.cosignatures,
            "names": [],
        },
        lines=tuple(lines) or ("it trusts nobody",),
    )


def _root_document(path: str, root: "Root") -> Document:
    facts = _root_facts(root)
    return Document(
        schema=_SCHEMA,
        exit=Exit.GOOD,
        facts={
            "path": path,
            "digest": facts["digest"],
            "expires": facts["expires"],
            "anchors": [],
            "roots": [facts],
            "witnesses": [],
            "cosignatures": 0,
            "names": [],
        },
        lines=tuple(_root_lines(facts)),
    )


def _anchor_facts(anchor: "Anchor") -> dict[str, Any]:
    validity = anchor.validity
    return {
        "label": anchor.label,
        "name": anchor.name,
        "not_before": _time(validity.not_before),
        "expires": _time(anchor.expires),
        "revoked": _time(validity.revoked),
        "reason": validity.reason,
    }


def _anchor_line(facts: dict[str, Any], *, by: bool) -> str:
    """Write one line; `by` tells that its root or authority ends then, and not the entry."""
    because = f" ({facts['reason']})" if facts["reason"] else ""
    revoked = f"  revoked {facts['revoked']}{because}" if facts["revoked"] else ""
    ends = " (its root or authority ends then)" if by and facts["expires"] else ""
    return f"{facts['label']:<20}  {facts['name']}{_until(facts['expires'])}{ends}{revoked}"


def _root_facts(root: "Root") -> dict[str, Any]:
    return {
        "name": root.name,
        "digest": f"sha256:{root.sha256}" if root.sha256 else None,
        "profile": root.profile.value,
        "expires": _time(root.expires),
        "entries": [
            {
                "kind": one.kind,
                "name": one.name,
                "not_before": _time(one.start),
                "expires": _time(one.end),
            }
            for one in root.entries
        ],
    }


def _root_lines(facts: dict[str, Any]) -> Iterable[str]:
    digest = f"  {facts['digest']}" if facts["digest"] else ""
    yield f"root {facts['name']:<15}  {facts['profile']}{digest}{_until(facts['expires'])}"
    for one in facts["entries"]:
        yield f"  {one['kind']:<21}  {one['name']}{_until(one['expires'])}"


def _until(moment: str | None) -> str:
    return f"  until {moment}" if moment else ""


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
