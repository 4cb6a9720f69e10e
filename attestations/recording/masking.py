"""Masking what looks like a secret, before anything is stated of a command or its settings. Pure."""

import os
import re
from collections.abc import Mapping, Sequence

__all__ = ["MASK", "masked_settings", "masked_words", "without_user"]

MASK = "***"
_SENSITIVE = (
    r"secret|passw|passphrase|credential|(?:token|auth|pwd)(?![a-z])"
    r"|(?<![a-z])(?:admin|db|mail|my|root|smtp|ssh|user)?(?:pass|pat)(?![a-z])"
    r"|(?:api|access|private)[-_.]?key|(?<=[a-z0-9])(?<!public)[-_.]key(?![a-z])"
)
"""in names of flags and variables; `tokenizer`, `max_tokens`, `author`, `path` and `passes` are none"""
_SECRET_NAME = re.compile(_SENSITIVE, re.IGNORECASE)
_SECRET_FLAG = re.compile(rf"--?[\w.-]*(?:{_SENSITIVE})[\w.-]*\Z", re.IGNORECASE)
_SECRET_SETTING = re.compile(
    rf"(?P<name>(?<![\w.-])[\w.-]*(?:{_SENSITIVE})[\w.-]*[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|.+)",
    re.IGNORECASE | re.DOTALL,
)
"""in `name=value`, `name: value` and JSON; without quotes everything up to the end"""
_VALUE = r"""(?:\\?"[^"]*"|\\?'[^']*'|[^\s;&|]+)"""
_FLAG_IN_TEXT = re.compile(
    rf"(?P<name>(?<![\w.-])--?[\w.-]*(?:{_SENSITIVE})[\w.-]*\s+)(?!--){_VALUE}", re.IGNORECASE
)
"""in a word that is a command itself, as after `bash -c`"""
_USER_FLAG = re.compile(r"(?:-u|-U|--user|--proxy-user)\Z")
_USER = re.compile(r"(?!\d+:\d+\Z)[^:\s/]+:[^\s:].*\Z", re.DOTALL)
"""`user:password`; `1000:1000` are a user and a group of a container, and `C:/x` is a path"""
_USER_IN_TEXT = re.compile(
    r"(?P<name>(?<!\S)(?:-u\s*|-U\s*|--(?:proxy-)?user[\s=]+))(?!\d+:\d+(?:\s|\Z))[\"']?[^:\s/]+:[^\s:]+"
)
_ASKING = re.compile(r"(?:\S*/)?(?:sshpass|login|mysql\w*|mariadb\S*)\Z")
"""programs to which `-p` means a password"""
_ASKING_IN_TEXT = re.compile(
    rf"(?P<name>\b(?:sshpass|login|mysql\w*|mariadb[\w-]*)\s(?:[^;&|]*?\s)??-p\s*){_VALUE}"
)
_JOINED = re.compile(
    r"(?P<name>(?<!\S)-p)(?=\S*[^a-z\s])(?!\d[\d.:/a-z]*(?:\s|\Z))[^\s=/-][^\s=/]{3,}(?=\s|\Z)"
)
"""`-pS3cret`; not `-pthread`, `-p8080:80` and `-prune`"""
_WEBHOOK = re.compile(
    r"(?P<name>https?://(?:hooks\.[^/\s\"']+/|api\.telegram\.org/bot|[^\s\"']*?/(?:api/)?(?:web)?hook[a-z0-9]*/))"
    r"[^\s\"']+",
    re.IGNORECASE,
)
"""whoever knows the address may write there"""
_HEADER = re.compile(
    r"(?P<name>\bauthorization\s*[=:]\s*|\bbearer\s+|\bbasic\s+(?=[A-Za-z0-9+/]{12}))[^\"',}]+",
    re.IGNORECASE,
)
_SIGNED_QUERY = re.compile(
    r"(?P<name>[?&](?:x-(?:amz|goog)-[a-z-]+|sig|signature|sv|se|token|key)=)[^&\s\"']+",
    re.IGNORECASE,
)
"""what makes an address of an object store open for whoever has it"""
_SECRET_VARIABLE = re.compile(rf"{_SENSITIVE}|_KEY\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-|xox[abprs]-|AKIA|ASIA)[A-Za-z0-9_-]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"
)
"""how tokens of common services begin, and any JSON Web Token"""
_USER_IN_URL = re.compile(r"(?P<scheme>(?<![a-z0-9+.-])[a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_PLACES = frozenset({"OLDPWD", "PWD"})
"""variables whose name looks like a secret and whose value is a folder"""
_MIN_SECRET = 6
_MAX_WORD = 1000
_MAX_LOOKED_AT = 16_000
"""characters of a word that are looked at: of the rest nothing is stated"""


def masked_words(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a command with what looks like a secret masked.

    That are values of secret flags and variables, tokens of common services, and users in URLs.
    """
    secrets = _secrets(environment)
    asking = any(_ASKING.match(word) for word in words)
    masked: list[str] = []
    before = ""
    for word in words:
        hidden = _hides(before, word, asking=asking)
        masked.append(MASK if hidden else _mask(word, secrets, asking=asking)[:_MAX_WORD])
        before = "" if hidden else word
    return masked


def _hides(before: str, word: str, *, asking: bool) -> bool:
    """Tell whether a word is the secret that the word before it announces."""
    if word.startswith("--"):
        return False
    if _USER_FLAG.match(before) and _USER.match(word):
        return True
    return bool(_SECRET_FLAG.match(before)) or (asking and before == "-p")


def masked_settings(
    settings: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return settings in the order of their names, masked as in `masked_words`."""
    secrets = _secrets(environment)
    return {
        name: MASK if _SECRET_NAME.search(name) else _mask(value, secrets)
        for name, value in sorted(settings.items())
    }


def without_user(url: str) -> str:
    """Return a URL without the user and password before its host."""
    return _USER_IN_URL.sub(r"\g<scheme>", url)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values of secret variables, longer ones first, since one may hold another."""
    found = {
        value
        for name, value in environment.items()
        if _SECRET_VARIABLE.search(name) and name not in _PLACES and len(value) >= _MIN_SECRET
    }
    return sorted(found, key=len, reverse=True)


def _mask(word: str, secrets: Sequence[str], *, asking: bool = False) -> str:
    word = word[:_MAX_LOOKED_AT]
    for secret in secrets:
        word = word.replace(secret, MASK)
    word = _SECRET_VALUE.sub(MASK, word)
    word = _HEADER.sub(rf"\g<name>{MASK}", word)
    word = _SIGNED_QUERY.sub(rf"\g<name>{MASK}", word)
    if asking and re.match(r"-p.", word):
        return f"-p{MASK}"
    for form in (_FLAG_IN_TEXT, _USER_IN_TEXT, _ASKING_IN_TEXT, _JOINED, _WEBHOOK, _SECRET_SETTING):
        word = form.sub(rf"\g<name>{MASK}", word)
    return _USER_IN_URL.sub(rf"\g<scheme>{MASK}@", word)
