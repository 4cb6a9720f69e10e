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
_BASE = re.compile(r"\"base_model_name_or_path\"\s*:\s*\"(?P<target>[^\"]+)\"")
_FETCH = re.compile(
    r"(?:\b(?:curl|wget|aria2c)\b[^;|&]*?|^\s*ADD\s+(?:--\S+\s+)*)[\"']?(?P<target>https?://(?:[\w.-]*\.)?(?:huggingface\.co|hf\.co)/[^\s\"';|&]+)"
)
_REVISION = re.compile(r"--revision[= ][\"']?(?P<revision>[^\s\"']+)")
_RESOLVED = re.compile(r"/(?:resolve|blob|raw)/(?P<revision>[^/?]+)/")
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
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun or number
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\") or sum(map(len, parts)) > _LONGEST_LINE:
            yield begun, " ".join(parts)
            begun, parts = 0, []
    if parts:
        yield begun, " ".join(parts)


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
        revision = _REVISION.search(match[0])
        asked = revision["revision"] if revision else ""
        yield _hub(label, number, "hf download", match["target"], asked)
    for match in _CLONE.finditer(line):
        yield Reference(
            label, number, "git clone", match["target"], "", _unless_variable(match["target"])
        )
    for match in _FETCH.finditer(line):
        resolved = _RESOLVED.search(match["target"])
        asked = resolved["revision"] if resolved else ""
        pin = pin_of_hub("hub", asked)
        yield Reference(label, number, "download", match["target"], asked, pin)
    for match in _BASE.finditer(line):
        yield _hub(label, number, "base_model_name_or_path", match["target"], "")
    for match in _OLLAMA.finditer(line):
        yield _ollama(label, number, "ollama", match["target"])
    begun = _FROM.match(line) if is_modelfile else None
    if begun:
        yield _ollama(label, number, begun[0].split()[0].upper(), begun["target"])


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
