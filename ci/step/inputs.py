"""What a pipeline asked for, read from the variables `INPUT_…`, as `action.yml` and the recipes set them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["InputError", "Inputs", "Mode"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_PRESET = re.compile(r"[a-z]+")
_OF_A_PRESET = {
    "key": "`keys` of its roles",
    "keyless": "`repository` in `[[roles.release.identities]]`",
    "trust-config": "`[roots.NAME]` in a trust file that a role names by `trust`",
    "fail-on": "`fail_on` in `[scan]`",
}
"""inputs that complete a preset, and where a policy file says the same"""
_SWITCH = {"true": True, "false": False, "": False}


class InputError(Exception):
    """An input is not what the action takes; the call is wrong."""


class Mode(StrEnum):
    """What is done."""

    GATE = "gate"
    """refuse by policy"""
    WARN = "warn"
    """say what would be refused"""
    SCAN = "scan"
    """look for unsafe content"""
    SIGN = "sign"
    """sign"""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs, checked for their form."""

    path: str
    """what is judged, scanned or signed"""
    mode: Mode
    """what is done with it"""
    policy: str
    """a preset or a file"""
    policy_digest: str
    """`sha256:…` of the policy file; empty for any"""
    key: str
    """a key file or its address; empty for none"""
    keyless: str
    """`OWNER/NAME` to be trusted, or `true` to sign as the workflow; empty for neither"""
    trust_config: str
    """file about another Sigstore instance; empty for the public one"""
    ledger: str
    """ledger to consult; empty for none"""
    signing_key: str
    """private key for the decision; empty for none"""
    record: bool
    """enter the decision into the ledger"""
    fail_on: str
    """severity; empty for the default"""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Inputs":
        """Read the inputs; raises `InputError`."""

        def given(name: str) -> str:
            value = environment.get(f"INPUT_{name.upper().replace('-', '_')}", "")
            if any(ord(letter) < ord(" ") for letter in value):
                raise InputError(f"`{name}` holds a line break or another control character")
            return value

        mode, record = given("mode") or "gate", given("record").lower()
        if mode not in set(Mode):
            raise InputError(f"`mode` is none of {', '.join(f'`{one}`' for one in Mode)}")
        if record not in _SWITCH:
            raise InputError("`record` is neither `true` nor `false`")
        inputs = cls(
            path=given("path"),
            mode=Mode(mode),
            policy=given("policy") or "baseline",
            policy_digest=given("policy-digest"),
            key=given("key"),
            keyless=given("keyless"),
            trust_config=given("trust-config"),
            ledger=given("ledger"),
            signing_key=given("signing-key"),
            record=_SWITCH[record],
            fail_on=given("fail-on"),
        )
        for wrong in inputs._problems():
            raise InputError(wrong)
        return inputs

    @property
    def judges(self) -> bool:
        """Whether a policy decides."""
        return self.mode in {Mode.GATE, Mode.WARN}

    @property
    def names_preset(self) -> bool:
        """Whether the policy is one that comes with weightmark."""
        return _PRESET.fullmatch(self.policy) is not None

    def _problems(self) -> list[str]:
        found = []
        if not self.path:
            found.append("`path` is empty")
        if self.mode is Mode.SIGN and self.keyless not in {"", "true"}:
            found.append("`keyless` of `sign` is `true` or empty")
        if self.mode is Mode.SIGN and bool(self.key) == bool(self.keyless):
            found.append("`sign` takes either `key` or `keyless: true`")
        if self.judges and self.keyless and not _REPOSITORY.fullmatch(self.keyless):
            found.append("`keyless` of `gate` names the repository to trust, as `OWNER/NAME`")
        if self.policy_digest and not _DIGEST.fullmatch(self.policy_digest):
            found.append("`policy-digest` is not `sha256:` and 64 lowercase hex digits")
        if self.policy_digest and self.names_preset:
            found.append("`policy-digest` belongs to a policy file, not to a preset")
        if self.judges and not self.names_preset:
            found += [
                f"`{name}` belongs to a preset; the policy file `{self.policy}` says it itself, by {place}"
                for name, place in _OF_A_PRESET.items()
                if getattr(self, name.replace("-", "_"))
            ]
        if self.record and not (self.ledger and self.signing_key):
            found.append("`record` needs `ledger` and `signing-key`")
        return found
