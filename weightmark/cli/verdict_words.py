"""What `explain` says about the words in which commands sum up: those of the gate, whose checks have words of their own."""

from collections.abc import Mapping
from types import MappingProxyType

from weightmark.cli.explanations import CheckMeaning

__all__ = ["VERDICT_WORDS", "verdict_word"]

VERDICT_WORDS: Mapping[str, CheckMeaning] = MappingProxyType(
    {
        "allow": CheckMeaning(
            "every demand of the policy was checked and is met",
            "`gate` exits with 0. It is said of nothing else: a demand about which nothing was found is no allow.",
        ),
        "content not read here": CheckMeaning(
            "the gate was asked about an identity, and read no file",
            "An earlier decision answers for `wm1:…` where `[vsa]` of the policy takes one. That the files have this identity, whoever asks has to know.",
        ),
        "could not be checked": CheckMeaning(
            "no check refused, and one could not be made",
            "`gate` exits with 4, which blocks: a claim, a clock, a ledger or a file is missing or over a limit. The check that says so names it, and how to mend it.",
        ),
        "deny": CheckMeaning(
            "a check refused",
            "`gate` exits with 1. Each check that refused says what it saw, why it matters and how to mend it; a failure that somebody accepts is an exception in the policy.",
        ),
        "nothing to check": CheckMeaning(
            "there were no files",
            "`gate` exits with 3. Check the path: an empty folder is neither good nor bad.",
        ),
        "reproduced": CheckMeaning(
            "a kept decision follows from what was recorded",
            "`gate --replay` judged the recorded inputs again and came to the same verdict, whatever that is.",
        ),
        "would deny": CheckMeaning(
            "the policy does not allow the artifact, and its mode is to warn",
            '`gate` exits with 0. Under `mode = "enforce"`, or `--mode enforce`, this would be `deny` or `could not be checked`.',
        ),
    }
)
"""each verdict of the gate, as it prints it"""


def verdict_word(word: str) -> CheckMeaning | None:
    """Return what a verdict means, as it is printed or as JSON spells it, with dashes."""
    return VERDICT_WORDS.get(word.lower().replace("-", " "))
