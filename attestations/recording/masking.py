"""Masking what looks like a secret, before anything is stated of a command or its settings. Pure."""

import os
import re
from collections.abc import Mapping, Sequence

__all__ = ["MASK", "masked_settings", "masked_words", "without_user"]

MASK = "***"
_SENSITIVE = (
    r"secret|passw|passphrase|credential|(?:api|access|private)[-_.]?key|(?:token|auth)(?![a-z])"
)
"""in names of flags and variables; `tokenizer`, `max_tokens` and `author` are none"""
_SECRET_NAME = re.compile(_SENSITIVE, re.IGNORECASE)
_SECRET_FLAG = re.compile(rf"--?[\w.-]*(?:{_SENSITIVE})[\w.-]*\Z", re.IGNORECASE)
_SECRET_SETTING = re.compile(
    rf"(?P<name>[\w.-]*(?:{_SENSITIVE})[\w.-]*[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|.+)",
    re.IGNORECASE | re.DOTALL,
)
"""in `name=value`, `name: value` and JSON; without quotes everything up to the end"""
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
_USER_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_MIN_SECRET = 6
_MAX_WORD = 1000


def masked_words(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a command with what looks like a secret masked.

    That are values of secret flags and variables, tokens of common services, and users in URLs.
    """
    secrets = _secrets(environment)
    masked: list[str] = []
    hide = False
    for word in words:
        if hide and not word.startswith("--"):
            masked.append(MASK)
            hide = False
            continue
        hide = bool(_SECRET_FLAG.match(word))
        masked.append(_mask(word, secrets)[:_MAX_WORD])
    return masked


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
        if _SECRET_VARIABLE.search(name) and len(value) >= _MIN_SECRET
    }
    return sorted(found, key=len, reverse=True)


def _mask(word: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        word = word.replace(secret, MASK)
    word = _SECRET_VALUE.sub(MASK, word)
    word = _HEADER.sub(rf"\g<name>{MASK}", word)
    word = _SIGNED_QUERY.sub(rf"\g<name>{MASK}", word)
    word = _SECRET_SETTING.sub(rf"\g<name>{MASK}", word)
    return _USER_IN_URL.sub(rf"\g<scheme>{MASK}@", word)
