"""What `weightmark doctor` says about whom you trust: what ends within 30 days, or has ended."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from weightmark.cli.options.trust import trust_directory
from weightmark.cli.render.interface import CheckLine, Outcome
from weightmark.errors import WeightmarkError

__all__ = ["expiring_trust"]

_NOTICE = timedelta(days=30)


def expiring_trust(now: datetime) -> Iterator[CheckLine]:
    """Yield a line for each trust file of the user, and one for the packaged trusted root."""
    directory = trust_directory()
    for path in sorted(directory.glob("*.toml")) if directory.is_dir() else []:
        yield _file(path, now)
    yield _packaged(now)


def _file(path: Path, now: datetime) -> CheckLine:
    from weightmark.attestations.trust.trust_file import load_trust_file

    try:
        file = load_trust_file(path)
        ends = [(anchor.label, anchor.expires) for anchor in file.anchors]
        ends += [(f"the root {root.name}", root.expires) for root in file.roots]
    except WeightmarkError as error:
        return CheckLine(Outcome.FAIL, "trust", f"`{path}`: {error.what}", error.why, error.fix)
    return _judged(f"`{path}`", ends, now)


def _packaged(now: datetime) -> CheckLine:
    from weightmark.attestations.trust.roots import built_in_root

    try:
        root = built_in_root("public-good")
        return _judged("Sigstore's packaged root", [("it", root.expires)], now)
    except WeightmarkError as error:
        return CheckLine(Outcome.FAIL, "trust", error.what, error.why, error.fix)


def _judged(what: str, ends: list[tuple[str, datetime | None]], now: datetime) -> CheckLine:
    soon = sorted((end, name) for name, end in ends if end and end <= now + _NOTICE)
    if not soon:
        return CheckLine(Outcome.PASS, "trust", f"{what}: nothing ends within 30 days")
    details = tuple(
        f"{name} {'ended' if end < now else 'ends'} at {end:%Y-%m-%dT%H:%M:%SZ}"
        for end, name in soon
    )
    return CheckLine(
        Outcome.INFO,
        "trust",
        f"{what}: {len(soon)} of {len(ends)} signers end within 30 days or have ended",
        "signatures after that no longer count",
        "get the present key or root from the publisher, and put it into the trust file",
        details,
    )
