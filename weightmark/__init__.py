"""weightmark: decide whether a model or a dataset may be trusted.

    import weightmark

    weightmark.sign("my-model", key="release.key")
    report = weightmark.verify("my-model", key="release.pub")
    if report.verified is None:
        raise SystemExit("not what was released")

Everything here is resolved on first use, so that importing `weightmark` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightmark.attestations.api import (
        attest,
        digest,
        gate,
        open_verified,
        record,
        scan,
        sign,
        verify,
    )
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.pulling.api import pull
    from weightmark.provenance.ledger.log import Ledger

__version__ = "0.1.0"

__all__ = [
    "Ledger",
    "Policy",
    "__version__",
    "attest",
    "digest",
    "gate",
    "open_verified",
    "pull",
    "record",
    "scan",
    "sign",
    "verify",
]

_PUBLIC = {
    "Ledger": "weightmark.provenance.ledger.log",
    "Policy": "weightmark.attestations.policy.model",
    "attest": "weightmark.attestations.api",
    "digest": "weightmark.attestations.api",
    "gate": "weightmark.attestations.api",
    "open_verified": "weightmark.attestations.api",
    "pull": "weightmark.attestations.pulling.api",
    "record": "weightmark.attestations.api",
    "scan": "weightmark.attestations.api",
    "sign": "weightmark.attestations.api",
    "verify": "weightmark.attestations.api",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module `weightmark` has no attribute `{name}`")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
