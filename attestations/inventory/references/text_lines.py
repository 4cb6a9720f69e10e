"""References in scripts and manifests, line by line: addresses, `storageUri`, Modelfile, downloads, clones."""

import re
from collections.abc import Iterator

from weightmark.attestations.inventory.references.interface import (
    Pin,
    Reference,
    pin_of_hub,
    pin_of_uri,
)

__all__ = ["TextReader"]

_LONGEST_LINE = 10_000
_WORD = r"[\"']?(?P<target>[^\s\"'`;|&)>]+)"
_ADDRESS = re.compile(r"(?P<target>(?:weightmark\+)?(?:hf|oci)://[A-Za-z0-9][^\s\"'`;|&)>,\]}]*)")
_STORAGE = re.compile(r"[\"']?(?:storageUri|modelUri)[\"']?\s*[:=]\s*" + _WORD)
_DOWNLOAD = re.compile(
    r"(?:\bhf|huggingface-cli)\s+download\s+(?:--\S+\s+)*?" + _WORD + r"(?P<rest>[^;|&]*)"
)
_CLONE = re.compile(
    r"\bgit\s+(?:lfs\s+)?clone\b[^;|&]*?[\"']?(?P<target>(?:https://|git@)(?:hf\.co|huggingface\.co)[/:][^\s\"';|&]+)"
)
_OLLAMA = re.compile(r"\bollama\s+(?:pull|run)\s+(?:--\S+\s+)*" + _WORD)
_FROM = re.compile(r"\s*(?:FROM|ADAPTER)\s+" + _WORD, re.IGNORECASE)
_BETWEEN = r"[\"']?(?:=|[\s,]+)[\"']?"
_MODEL = re.compile(
    r"(?<![\w-])--model(?:[-_](?:id|path|name[-_]or[-_]path))?"
    + _BETWEEN
    + r"(?P<target>[^\s\"'`;|&)>,\]}]+)"
)
_SERVE = re.compile(
    r"\bvllm[\"']?[\s,]+[\"']?serve[\"']?[\s,]+[\"']?(?P<target>[^-\s\"'`;|&)>,\]}][^\s\"'`;|&)>,\]}]*)"
)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+\Z")
_FETCH = re.compile(
    r"(?:\b(?:curl|wget|aria2c)\b[^;|&]*?|^\s*ADD\s+(?:--\S+\s+)*)[\"']?(?P<target>https?://(?:[\w.-]*\.)?(?:huggingface\.co|hf\.co)/[^\s\"';|&]+)"
)
_REVISION = re.compile(r"(?<![\w-])--revision" + _BETWEEN + r"(?P<revision>[^\s\"',\]}]+)")
_RESOLVED = re.compile(r"/(?:resolve|blob|raw)/(?P<revision>[^/?]+)/")
_COMMAND = re.compile(r"[^;|&]*")
_ITEM = re.compile(r"(?P<depth>\s*)-\s+(?P<word>\"[^\"]*\"|'[^']*'|[^\s\"'#]+)(?:\s+#.*)?\s*\Z")
_VARIABLE = re.compile(r"[$<{%]")
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")


class TextReader:
    """Reads one file; what stands in comments is not read."""

    def read(self, label: str, data: bytes) -> Iterator[Reference]:
        """Yield the references line by line; bytes that are no UTF-8 are passed over."""
        is_modelfile = "modelfile" in label.rpartition("/")[2].lower()
        text = data.decode("utf-8", "replace")
        for number, line in _joined(text):
            if not line.lstrip().startswith(("#", "//")):
                yield from _of_line(label, number, line[:_LONGEST_LINE], is_modelfile=is_modelfile)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, those that end in a backslash with what follows."""
    begun, parts = 0, []
    for number, line in _commands(text.splitlines()):
        begun = begun or number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\") or sum(map(len, parts)) > _LONGEST_LINE:
            yield begun, " ".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, " ".join(parts)


def _commands(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers; a YAML list of single words with flags among them is one command."""
    words: list[tuple[int, str, str]] = []
    depth = ""
    for number, line in enumerate([*lines, ""], 1):
        item = _ITEM.match(line)
        if item and (not words or item["depth"] == depth):
            depth = item["depth"]
            words.append((number, line, item["word"].strip("\"'")))
            continue
        yield from _as_command(words)
        words = [(number, line, item["word"].strip("\"'"))] if item else []
        depth = item["depth"] if item else ""
        if not item and number <= len(lines):
            yield number, line


def _as_command(words: list[tuple[int, str, str]]) -> Iterator[tuple[int, str]]:
    if any(word.startswith("--") for _, _, word in words):
        yield words[0][0], " ".join(word for _, _, word in words)
    else:
        yield from ((number, line) for number, line, _ in words)


def _of_line(label: str, number: int, line: str, *, is_modelfile: bool) -> Iterator[Reference]:
    found = list(_specific(label, number, line, is_modelfile=is_modelfile))
    yield from found
    named = {one.target for one in found}
    for match in _ADDRESS.finditer(line):
        if match["target"] not in named:
            yield _reference(label, number, "address", match["target"])


def _specific(label: str, number: int, line: str, *, is_modelfile: bool) -> Iterator[Reference]:
    for match in _STORAGE.finditer(line):
        yield _reference(label, number, "storageUri", match["target"])
    for match in _DOWNLOAD.finditer(line):
        yield _hub(label, number, "hf download", match["target"], _revision(match[0]))
    for match in _CLONE.finditer(line):
        yield Reference(
            label, number, "git clone", match["target"], "", _unless_variable(match["target"])
        )
    for match in _FETCH.finditer(line):
        resolved = _RESOLVED.search(match["target"])
        asked = resolved["revision"] if resolved else ""
        pin = pin_of_hub("hub", asked)
        yield Reference(label, number, "download", match["target"], asked, pin)
    for command in _COMMAND.finditer(line):
        yield from _served(label, number, command[0])
    for match in _OLLAMA.finditer(line):
        yield _ollama(label, number, "ollama", match["target"])
    begun = _FROM.match(line) if is_modelfile else None
    if begun:
        yield _ollama(label, number, begun[0].split()[0].upper(), begun["target"])


def _served(label: str, number: int, command: str) -> Iterator[Reference]:
    """Yield what a server of models is told to load, with the revision that the same command names."""
    revision = _revision(command)
    for match in _SERVE.finditer(command):
        yield _hub(label, number, "vllm serve", match["target"], revision)
    for match in _MODEL.finditer(command):
        if _names_a_model(match["target"]):
            yield _hub(label, number, "--model", match["target"], revision)


def _revision(command: str) -> str:
    """Return the last revision that a command names, which is the one that counts."""
    named = _REVISION.findall(command)
    return str(named[-1]) if named else ""


def _names_a_model(target: str) -> bool:
    """Tell a repository, an address, a path or a variable from other words that `--model` takes elsewhere."""
    is_place = "://" in target or target.startswith(("/", "./", "../", "~"))
    return bool(is_place or _NAME.match(target) or _VARIABLE.match(target))


def _reference(label: str, number: int, via: str, target: str) -> Reference:
    pin = Pin.UNKNOWN if _VARIABLE.search(target) else pin_of_uri(target)
    revision = target.rpartition("@")[2] if "@" in target else ""
    return Reference(label, number, via, target, revision, pin)


def _hub(label: str, number: int, via: str, target: str, revision: str) -> Reference:
    variable = _VARIABLE.search(target) or _VARIABLE.search(revision)
    pin = Pin.UNKNOWN if variable else pin_of_hub(target, revision)
    return Reference(label, number, via, target, revision, pin)


def _unless_variable(target: str) -> Pin:
    return Pin.UNKNOWN if _VARIABLE.search(target) else Pin.UNPINNED


def _ollama(label: str, number: int, via: str, target: str) -> Reference:
    """Judge what Ollama takes: a path, a digest, or a name with a tag that moves."""
    if _VARIABLE.search(target):
        pin = Pin.UNKNOWN
    elif _DIGEST.search(target):
        pin = Pin.PINNED
    else:
        is_path = target.startswith(("/", "./", "../", "~")) or target.endswith(
            (".gguf", ".safetensors")
        )
        pin = Pin.LOCAL if is_path or target == "." else Pin.UNPINNED
    name, _, tag = target.rpartition(":")
    return Reference(label, number, via, target, tag if name else "", pin)
