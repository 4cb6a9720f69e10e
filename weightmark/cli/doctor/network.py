"""Whether proxies and authorities that the environment names make sense; with `--online`, whether services answer."""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from weightmark.cli.doctor.calls import SaidSettings
from weightmark.cli.doctor.interface import Examined, Verdict

__all__ = ["ask_clock", "examine_authorities", "examine_network", "examine_proxies"]

_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ADDRESSES = ("ledger", "tsa-url", "tuf-url")
_SECONDS = 10
_DRIFT = timedelta(minutes=2)
_MOST_BYTES = 4 * 1024 * 1024


def examine_network(said: SaidSettings, now: datetime, *, online: bool) -> Iterator[Examined]:
    """Look at proxies and authorities, and ask the services where that is wanted."""
    found = [*examine_proxies(os.environ), *examine_authorities(os.environ)]
    yield from found
    if not found:
        yield Examined.ok("network", "no proxy, and the authorities of this system")
    if not online:
        yield Examined.note("services", "not asked; `--online` does")
        return
    from weightmark.attestations.signers.keyless.instance import PUBLIC_GOOD_TUF

    named = [word.partition("#")[0] for word in said.of(*_ADDRESSES)]
    for address in dict.fromkeys([*named, PUBLIC_GOOD_TUF]):
        if urlsplit(address).scheme in {"http", "https"}:
            yield ask_clock(address, now)


def examine_proxies(environment: Mapping[str, str]) -> Iterator[Examined]:
    """Name each proxy, without its password, and what is wrong with its address."""
    for name in _PROXIES:
        address = environment.get(name, "")
        if not address:
            continue
        shown = _without_password(address)
        fix = f"`{name}=http://proxy.example:3128`, with a scheme and a host"
        if not shown:
            why = "libraries refuse it, or ask without it"
            seen = f"`{name}` is no address of a proxy"
            yield Examined(f"variable:{name}", "network", Verdict.BAD, seen, why, fix)
        else:
            yield Examined.ok(
                "network", f"by the proxy `{shown}` (`{name}`)", id=f"variable:{name}"
            )


def examine_authorities(environment: Mapping[str, str]) -> Iterator[Examined]:
    """Look whether the authorities that the environment names are there and hold certificates."""
    for name in _AUTHORITIES:
        place = environment.get(name, "")
        if not place:
            continue
        problem = _authority_problem(Path(place), folder=name.endswith("_DIR"))
        if problem:
            seen = f"`{name}`: `{place}` {problem}"
            why = "no server is believed then"
            fix = f"name a PEM file with certificates, or `unset {name}`"
            yield Examined(f"variable:{name}", "network", Verdict.BAD, seen, why, fix)
        else:
            yield Examined.ok(
                "network", f"authorities of `{place}` (`{name}`)", id=f"variable:{name}"
            )


def ask_clock(address: str, now: datetime) -> Examined:
    """Ask a service for anything, and compare its clock with this one; what it answers is not believed otherwise."""
    import requests

    where = _without_password(address) or "the service"
    named = f"service:{where}"
    try:
        begun = datetime.now(UTC)
        with requests.get(address, timeout=_SECONDS, stream=True, allow_redirects=False) as answer:
            said = answer.headers.get("Date", "")
    except (requests.RequestException, OSError, ValueError) as error:
        why = type(error).__name__
        fix = "check network, proxy and authorities; `--offline` needs none of them"
        return Examined(named, "services", Verdict.BAD, f"`{where}` does not answer", why, fix)
    theirs = _parsed(said)
    if theirs is None:
        return Examined.ok("services", f"`{where}` answers, and tells no time", id=named)
    drift = abs(theirs - (now + (datetime.now(UTC) - begun)))
    if drift > _DRIFT:
        seen = f"`{where}` answers; its clock is {int(drift.total_seconds())} s from this one"
        why = "tokens, certificates and timestamps are judged by the clock"
        fix = "set the clock, for example with NTP"
        return Examined(named, "services", Verdict.WARN, seen, why, fix)
    return Examined.ok("services", f"`{where}` answers, with the same time", id=named)


def _parsed(date: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _without_password(address: str) -> str:
    """Return scheme, host and port; empty where there is no scheme or host."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.scheme and parts.hostname else ""


def _authority_problem(place: Path, *, folder: bool) -> str:
    if folder:
        return "" if place.is_dir() else "is no folder"
    try:
        with place.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if b"-----BEGIN CERTIFICATE-----" in data else "holds no certificate"
