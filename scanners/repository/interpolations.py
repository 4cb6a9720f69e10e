"""Texts that OmegaConf works out when a setting is read: resolvers that run code, secrets in addresses.

Sources: OmegaConf "Resolvers" (`oc.env`); projects register `eval` and `python` themselves, for sums.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.findings import Severity
from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject

__all__ = ["judge_interpolations"]

_EVALUATED = re.compile(
    r"\$\{\s*(eval|exec|python|py|shell|sh|cmd|bash|command)\s*:(.*)", re.DOTALL
)
_SHELLS = frozenset({"bash", "cmd", "command", "exec", "sh", "shell"})
_REACHING = re.compile(
    r"__\w|\b(?:import|exec|eval|compile|open|getattr|globals|locals|vars|breakpoint|input)\b"
    r"|\b(?:os|sys|subprocess|socket|shutil|builtins|pathlib|importlib)\s*\."
)
_SENT = re.compile(
    r"(?:https?|ftp|wss?)://[^/\s$@{}]+[/?#][^\s]*?\$\{\s*(?:oc\.)?env\s*:\s*(\w+)", re.IGNORECASE
)
_SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|(?:API|ACCESS|AUTH)_?KEY|_KEY\Z", re.IGNORECASE
)
_SHOWN = 120


def judge_interpolations(document: object) -> Iterator[Hit]:
    """Yield the texts of a configuration that run code, or hand variables of the environment to a host."""
    for text in _texts(document):
        if "${" not in text:
            continue
        for found in _EVALUATED.finditer(text):
            if found[1] in _SHELLS or _REACHING.search(found[2]):
                yield Hit("REP001", _shown(text))
        for found in _SENT.finditer(text):
            weight = Severity.HIGH if _SECRET.search(found[1]) else None
            yield Hit("REP012", _shown(text), weight)


def _texts(document: object) -> Iterator[str]:
    """Yield every text, values and members of lists alike; a shared object once."""
    stack, seen = [document], set()
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, JsonObject | list) and id(value) not in seen:
            seen.add(id(value))
            stack += value if isinstance(value, list) else [item for _, item in value.pairs]


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
