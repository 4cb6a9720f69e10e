"""What git itself runs: hooks and settings inside a `.git` folder that came with a download."""

import re
from collections.abc import Iterator
from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.values import dataclass

__all__ = ["GitFolderReader"]

_READ = 4 * MEBIBYTE
_PLACE = re.compile(
    r"(?:^|[/!])\.git/(?:.*/)?(?:hooks/(?P<hook>[a-z-]+)|config(?:\.worktree)?)\Z"
    r"|(?:^|[/!])\.gitmodules\Z",
    re.IGNORECASE,
)
_LINK_PLACE = re.compile(r"(?:^|[/!])\.git\Z", re.IGNORECASE)
_INSIDE_GIT = re.compile(rb"gitdir: (?:\.\./)*\.git/(?:modules|worktrees)/[\w./-]+\s*")
"""what git writes for submodules and worktrees"""
_SECTION = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"(?:[^"\\]|\\.)*")?\s*\]')
_SETTING = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?$")
_COMMANDS = frozenset(
    [
        "web.browser",
        "trailer.command",
        "trailer.cmd",
        "tar.command",
        "mergetool.path",
        "man.cmd",
        "instaweb.httpd",
        "guitool.cmd",
        "gpg.defaultkeycommand",
        "difftool.path",
        "core.alternaterefscommand",
        "browser.cmd",
        "core.askpass",
        "core.editor",
        "core.fsmonitor",
        "core.gitproxy",
        "core.hookspath",
        "core.pager",
        "core.sshcommand",
        "credential.helper",
        "diff.command",
        "diff.external",
        "diff.textconv",
        "difftool.cmd",
        "filter.clean",
        "filter.process",
        "filter.smudge",
        "gpg.program",
        "include.path",
        "includeif.path",
        "interactive.difffilter",
        "merge.driver",
        "mergetool.cmd",
        "remote.uploadpack",
        "remote.receivepack",
        "remote.vcs",
        "sequence.editor",
        "uploadpack.packobjectshook",
    ]
)
_KNOWN = frozenset({"git-lfs clean -- %f", "git-lfs smudge -- %f", "git-lfs filter-process"})
_OFF = frozenset({"false", "true", ""})
_LFS_HOOK = re.compile(
    rb"#!/bin/sh\n"
    rb"command -v git-lfs >/dev/null 2>&1 \|\| \{ "
    rb"(?:echo >&2|printf >&2 \"\\n%s\\n\\n\") \"[^\"$`\n]*\"; exit 2; \}\n"
    rb"git lfs (?:post-checkout|post-commit|post-merge|pre-push) \"\$@\"\n?"
)
"""exactly what git-lfs writes"""
_SHOWN = 120


_ALTERNATES = re.compile(
    r"(?:\A|[/!])(?:\.git|[^/!]+\.git)/(?:.*/)?objects/info/(?:http-)?alternates\Z"
)
"""stores of objects that git takes for its own, a line each"""


@dataclass(frozen=True, slots=True)
class GitFolderReader:
    """Reads hooks and settings by their place, since git goes by it."""

    name: Final[str] = "git-folder"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report what git would run; see `FormatReader.read`."""
        path = place.member or examination.path
        if _LINK_PLACE.search(path) and place.head.startswith(b"gitdir:"):
            if (
                not _INSIDE_GIT.fullmatch(place.head)
                or b"/../" in place.head.partition(b".git/")[2]
            ):
                detail = _shown(place.head.decode("utf-8", "replace").strip())
                examination.find("GIT001", place, detail=detail)
            return True
        if _ALTERNATES.search(path):
            return _read_alternates(place, examination)
        found = _PLACE.search(path)
        if found is None or not place.view.size:
            return False
        data = place.view.read_at(0, _READ)
        if found["hook"]:
            if not _LFS_HOOK.fullmatch(data):
                examination.find("GIT001", place, detail=f"hook `{found['hook']}`")
            return True
        for key, value in _settings(data.decode("utf-8", "replace")):
            if _runs(key, value):
                examination.find("GIT001", place, detail=_shown(f"`{key}` = {value}"))
        return True


def _read_alternates(place: Place, examination: Examination) -> bool:
    """Report stores of objects outside of the folder: history and files come from there."""
    for line in place.view.read_at(0, _READ).decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            examination.find("GIT002", place, detail=_shown(line.strip()))
    return True


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the settings as `section.name`, lower case, without subsections; lines may go on."""
    section = ""
    for line in text.replace("\\\r\n", "").replace("\\\n", "").splitlines():
        if found := _SECTION.match(line):
            section = found[1].lower().partition(".")[0]
            line = line[found.end() :]  # noqa: PLW2901 - a setting may stand on the line of its section
        if found := _SETTING.match(line):
            yield f"{section}.{found[1].lower()}", (found[2] or "").strip().strip('"')


def _runs(key: str, value: str) -> bool:
    if key == "alias" or key.startswith("alias."):
        return value.startswith("!")
    if key == "submodule.update":
        return value.startswith("!")
    if key == "core.fsmonitor" or key.startswith("pager."):
        return value.lower() not in _OFF
    if key in ("remote.url", "submodule.url", "url.insteadof"):
        return value.startswith(("ext::", "-"))
    return key in _COMMANDS and value not in _KNOWN


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
