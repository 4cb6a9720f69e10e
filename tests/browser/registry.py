"""The pages of the world's ledger, by kind: where each stands when it is served, and in the static site."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.browser.world import HOSTILE, World

__all__ = ["KINDS", "Pages"]


@dataclass(frozen=True)
class Pages:
    """Addresses below the root of the site."""

    world: World
    entries: list[dict[str, Any]]
    """as `ledger list -f json` gives them"""

    @classmethod
    def of(cls, world: World) -> "Pages":
        listed = json.loads(world.run("ledger", "list", "--ledger", "ledger", "-f", "json"))
        return cls(world, listed["entries"])

    def index(self, kind: str, model: str = "") -> int:
        """Return the first entry of a kind, about a model if one is named."""
        subject = self.world.identities[model] if model else None
        return next(
            int(one["index"])
            for one in self.entries
            if one["kind"] == kind and subject in {None, one["subject"]}
        )

    def signer(self) -> str:
        """Return who signed the first release."""
        return str(self.entries[self.index("release")]["signer"])

    def compared(self, left: str, right: str) -> str:
        return f"compare?left={self.world.identities[left]}&right={self.world.identities[right]}"

    def artifact(self, model: str) -> str:
        return f"artifacts/{self.world.identities[model].removeprefix('wm1:')}"

    def path(self, kind: str) -> str:
        """Return the address of the page of a kind."""
        return _PATHS[kind](self)

    def static_path(self, kind: str) -> str:
        """Return the file of the same page in the static site; empty when there is none."""
        if kind in {"search", "compare", "not found"}:
            return ""
        return f"{self.path(kind) or 'index'}.html"

    def hostile(self) -> list[str]:
        """Return the pages that show what an attacker wrote: artifacts, approvals, decisions, revocations."""
        models = [*(f"hostile {kind}" for kind in HOSTILE), HOSTILE["markup"], "hostile findings"]
        about = {self.world.identities[one] for one in models}
        shown = {"approve", "decision", "revoke"}
        entries = [one for one in self.entries if one["subject"] in about and one["kind"] in shown]
        decisions = [one for one in entries if one["kind"] == "decision"]
        return [
            *(self.artifact(one) for one in models),
            *(f"entries/{one['index']}" for one in entries),
            *(f"decisions/{one['index']}" for one in decisions),
            "entries",
            "revocations",
        ]


_PATHS: dict[str, Callable[[Pages], str]] = {
    "overview": lambda _: "",
    "entries": lambda _: "entries",
    "search": lambda _: "entries?text=poisoned&kind=revoke",
    "entry": lambda pages: f"entries/{pages.index('release', 'base')}",
    "hostile entry": lambda pages: f"entries/{pages.index('approve', 'hostile script')}",
    "artifact": lambda pages: pages.artifact("tuned"),
    "hostile artifact": lambda pages: pages.artifact(HOSTILE["markup"]),
    "findings": lambda pages: pages.artifact("hostile findings"),
    "signer": lambda pages: f"signers/{pages.signer().replace(':', '-')}",
    "decision": lambda pages: f"decisions/{pages.index('decision')}",
    "revocations": lambda _: "revocations",
    "compare": lambda pages: pages.compared("base", "small"),
    "check": lambda _: "check",
    "not found": lambda _: "entries/999999",
}
KINDS = tuple(_PATHS)
"""one page of each is looked at closely"""
