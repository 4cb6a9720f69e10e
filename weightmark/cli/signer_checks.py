"""What `weightmark doctor` says about the certificates with which this machine signs."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import counted
from weightmark.cli.options.common import environment_twins
from weightmark.cli.render.interface import CheckLine, Outcome
from weightmark.errors import WeightmarkError
from weightmark.provenance.sidecars import read_named

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["signer_checks"]

_SOON = timedelta(days=30)
_MAX_FILE = 1024 * 1024
_COMMANDS = ("sign", "attest")
_FLAGS = ("signing-cert", "cert-chain")


def signer_checks(
    now: datetime, environment: Mapping[str, str] = os.environ
) -> Iterator[CheckLine]:
    """Check every certificate that the environment tells `sign` or `attest` to sign under."""
    for path in _named(environment):
        name = f"certificate `{path}`"
        try:
            yield _check(name, path, now)
        except (WeightmarkError, ValueError) as error:
            fix = "name a PEM file with certificates, or unset the variable"
            yield CheckLine(Outcome.FAIL, name, "cannot be read", str(error), fix)


def _named(environment: Mapping[str, str]) -> list[str]:
    """Return the files in the order of their flags; a repeatable option names one a line."""
    variables = [
        twin for flag in _FLAGS for one in _COMMANDS for twin in environment_twins(one, flag)
    ]
    words = (line for name in variables for line in environment.get(name, "").splitlines())
    return list(dict.fromkeys(word for word in words if word.strip()))


def _check(name: str, path: str, now: datetime) -> CheckLine:
    from weightmark.attestations.keys.certificates import parse_certificates

    pem = read_named(Path(path), "certificate", limit=_MAX_FILE)
    found = parse_certificates(pem, f"`{path}`")
    first: Certificate = min(found, key=lambda one: one.not_valid_after_utc)
    ends = first.not_valid_after_utc
    said = f"`{first.subject.rfc4514_string()}` until {ends:%Y-%m-%dT%H:%M:%SZ}"
    if now > ends:
        why = "nobody accepts what is signed under it now"
        return CheckLine(Outcome.FAIL, name, f"{said}: past its time", why, "have a new one issued")
    if now > ends - _SOON:
        left = (ends - now).days
        why = f"it ends in {counted(left, 'day')}"
        return CheckLine(Outcome.INFO, name, f"{said}: ends soon", why, "have a new one issued")
    return CheckLine(Outcome.PASS, name, said)
