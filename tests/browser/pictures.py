"""Take the pictures of the pages that the documentation shows.

Usage: ``python -m tests.browser.pictures [FOLDER]`` (default: ``docs/images``). Needs Node, Chromium, and what
``make peers`` installs. The ledger is made anew, so digests and times differ from run to run.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.attestations.ledger.served import serving
from tests.browser.chromium import Browser, chromium
from tests.browser.registry import Pages
from tests.browser.world import World, build_world

__all__ = ["main"]

ROOT = Path(__file__).parents[2]
NARROW: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "deviceScaleFactor": 1.5}


@dataclass(frozen=True)
class Picture:
    """One picture."""

    name: str
    """of the file"""
    page: str
    """kind of page"""
    at: str = "h1"
    """what stands at the top of the window"""
    pinned: bool = False
    """whether the visitor pinned the log's key"""
    options: dict[str, Any] = field(default_factory=dict)
    """of the window"""


PICTURES = (
    Picture("pages-overview", "overview"),
    Picture("pages-entries", "entries"),
    Picture("pages-artifact", "artifact"),
    Picture("pages-lineage", "artifact", "#lineage"),
    Picture("pages-decision", "decision"),
    Picture("pages-revocations", "revocations"),
    Picture("proof-check-first", "entry", "#proof-check"),
    Picture("proof-check", "entry", "#proof-check", pinned=True),
    Picture(
        "proof-check-dark", "entry", "#proof-check", pinned=True, options={"colorScheme": "dark"}
    ),
    Picture("pages-narrow", "decision", options=NARROW),
)


def main(folder: Path) -> None:
    """Make a ledger, serve it, and write every picture into `folder`."""
    node, program = (Path(found) for found in map(shutil.which, ("node", "chromium")) if found)
    modules = ROOT / ".peers" / "npm" / "node_modules"
    with tempfile.TemporaryDirectory() as scratch, chromium(node, modules, program) as browser:
        place = Path(scratch) / "world"
        place.mkdir()
        world = build_world(place, hostile=False)
        with serving(world.ledger, "--read-only") as served:
            for one in PICTURES:
                take(browser, served.url, world, one, folder)


def take(browser: Browser, url: str, world: World, one: Picture, folder: Path) -> None:
    """Take one picture."""
    options = {"viewport": {"width": 1100, "height": 780}, **one.options}
    with browser.visitor(**options) as visitor:
        visitor.visit(f"{url}/{Pages.of(world).path(one.page)}")
        if one.pinned:
            visitor.pin(world.vkey)
            visitor.proof()
        if one.at != "h1":
            visitor.ask("scroll", selector=one.at)
        path = folder / f"{one.name}.webp"
        visitor.ask("picture", path=str(path))
        sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
