"""A real browser: Debian's Chromium, driven by playwright-core under Node."""

import base64
import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Browser", "Facts", "Visitor", "chromium"]

_RUNNER = Path(__file__).with_name("browser_runner.mjs")


@dataclass(frozen=True)
class Facts:
    """What became of a page, and what went on while it was open."""

    title: str
    language: str
    main: str
    """the text of `main`, as it shows"""
    width: int
    """CSS pixels of the window"""
    scrollWidth: int  # noqa: N815 - the browser's own word
    """CSS pixels of what it holds"""
    marked: str
    """what a payload left in `window.__xss`"""
    active: str
    """id of the element that has the keyboard"""
    requests: list[str]
    """URLs that were asked for"""
    console: list[str]
    """errors and warnings, breaches of the content security policy among them"""
    dialogs: list[str]
    problems: list[str]
    """exceptions, pop-ups, downloads"""

    def require_quiet(self, base: str) -> None:
        """Demand that nothing odd went on, and that nothing but `base` was asked."""
        assert not self.console
        assert not self.dialogs
        assert not self.problems
        assert self.marked == ""
        assert [one for one in self.requests if not one.startswith((base, "data:"))] == []


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._names = itertools.count()

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        """Send one request to the driver; raises `AssertionError` with its words when it failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"operation": operation, **request}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser ended"
        said: dict[str, Any] = json.loads(line)
        assert "problem" not in said, said["problem"]
        answer: dict[str, Any] = said["answer"]
        return answer

    @contextmanager
    def visitor(self, *, media: str = "", **options: Any) -> Iterator["Visitor"]:
        """Open a window of somebody who was never here; `options` as playwright's `newContext` takes them."""
        name = str(next(self._names))
        self.ask("open", name=name, options=options, media=media)
        try:
            yield Visitor(self, name)
        finally:
            self.ask("close", name=name)


@dataclass(frozen=True)
class Visitor:
    """One window, with a storage of its own."""

    browser: Browser
    name: str

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.browser.ask(operation, visitor=self.name, **request)

    def visit(self, url: str) -> int:
        """Go there; returns the HTTP status (0 for files)."""
        return int(self.ask("visit", url=url)["status"])

    def facts(self) -> Facts:
        return Facts(**self.ask("facts"))

    def text(self, selector: str) -> str:
        return str(self.ask("text", selector=selector)["text"])

    def texts(self, selector: str) -> list[str]:
        return list(self.ask("texts", selector=selector)["texts"])

    def attributes(self, selector: str, attribute: str) -> list[str]:
        return list(self.ask("attributes", selector=selector, attribute=attribute)["values"])

    def replace(
        self, path: str, body: bytes, *, type_: str = "text/html", status: int = 200
    ) -> None:
        """Have the browser get another body for `path`, as from a server that lies."""
        self.ask(
            "replace", path=path, body=base64.b64encode(body).decode(), type=type_, status=status
        )

    def pin(self, vkey: str) -> None:
        """Paste a key into the form of the proof check."""
        self.ask("await", selector="#proof-vkey")
        self.ask("fill", selector="#proof-vkey", value=vkey)
        self.ask("click", selector=".proof-form button[type=submit]")

    def proof(self) -> str:
        """Return the state of the proof check once it has looked at everything."""
        self.ask("await", selector="#proof-check[aria-busy=false]")
        return self.attributes(".proof-state", "data-state")[0]


@contextmanager
def chromium(node: Path, modules: Path, program: Path) -> Iterator[Browser]:
    """Run Chromium until the block ends; `modules` holds playwright-core and axe-core."""
    with subprocess.Popen(
        [str(node), str(_RUNNER), str(modules), str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield Browser(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
