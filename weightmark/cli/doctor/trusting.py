"""Whether policies, keys, certificates and trust files that this set-up names are there and still good."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import counted
from weightmark.cli.doctor.calls import SaidSettings
from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.options.trust import trust_directory
from weightmark.cli.signer_checks import signer_checks
from weightmark.cli.trust.expiring import expiring_trust
from weightmark.errors import WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["examine_key", "examine_policy", "examine_trust"]

_SOON = timedelta(days=30)
_MOST_KEYS = 100
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FILE_FLAGS = ("trusted-root", "trust-config", "cert-chain", "tsa-chain")
_KEY_FLAGS = (
    "key", "signing-key", "submit-key", "pq-key", "owner-key", "recovery-key", "old-recovery-key",
    "log-key", "policy-key", "tls-key",
)  # fmt: skip


def examine_trust(said: SaidSettings, now: datetime) -> Iterator[Examined]:
    """Look at the policies, keys, trust files and certificates that this set-up names."""
    for word, origin in said.of("policy").items():
        yield examine_policy(word, origin, now)
    yield from _keys(said)
    for word, origin in said.of("trust").items():
        yield from _trust_files(word, origin)
    for word, origin in said.of(*_FILE_FLAGS).items():
        if not os.path.lexists(word):
            yield _absent(word, origin)
    for line in expiring_trust(now):
        yield Examined.of(line, id=f"trust:{line.summary.partition(':')[0].strip('`')}")
    for line in signer_checks(now):
        yield Examined.of(line, id=line.name.replace(" ", ":", 1).replace("`", ""))


def _trust_files(word: str, origin: str) -> Iterator[Examined]:
    """Load the trust file that is named by itself or by its name; say so only where that fails."""
    from weightmark.attestations.trust.trust_file import load_trust_file

    path = Path(word)
    if path.suffix != ".toml" and not os.path.lexists(path):
        path = trust_directory() / f"{word}.toml"
    try:
        load_trust_file(path)
    except WeightmarkError as error:
        fix = error.fix or f"correct {origin}, or the file that it names"
        seen = f"{error.what}, as {origin} names it"
        yield Examined(f"trust:{word}", "trust", Verdict.BAD, seen, error.why, fix)


def _absent(word: str, origin: str) -> Examined:
    seen = f"`{word}` does not exist, as {origin} names it"
    why = "every command that reads it ends with 2"
    return Examined(
        f"trust:{word}", "trust", Verdict.BAD, seen, why, f"correct {origin}, or put it there"
    )


def examine_policy(word: str, origin: str, now: datetime) -> Examined:
    """Load the policy that a variable or settings file names, and say what it leaves open."""
    from weightmark.attestations.policy.holes import holes_of
    from weightmark.attestations.policy.load import is_policy_file, load_policy_file, load_preset

    named = f"policy:{word}"
    try:
        policy = load_policy_file(Path(word)) if is_policy_file(word) else load_preset(word)
    except WeightmarkError as error:
        seen = f"{error.what}, as {origin} names it"
        fix = error.fix or f"correct {origin}, or the file that it names"
        return Examined(named, "policy", Verdict.BAD, seen, error.why, fix)
    ends = _end_of(policy, named, origin, now)
    if ends:
        return ends
    holes = len(holes_of(policy))
    open_ = f", {counted(holes, 'hole')}: `weightmark policy check {word}`" if holes else ""
    return Examined.ok("policy", f"`{word}` from {origin}{open_}", id=named)


def examine_key(path: Path, origin: str) -> Examined:
    """Look whether a key file is there, and whether others can read a private one."""
    from weightmark.attestations.keys.files import is_private, read_key_file

    named = f"key:{path}"
    try:
        data = read_key_file(path)
        mode = path.stat().st_mode
    except (OSError, WeightmarkError) as error:
        what = error.what if isinstance(error, WeightmarkError) else f"`{path}` cannot be read"
        fix = f"put it there, or correct {origin}"
        return Examined(named, "keys", Verdict.BAD, what, f"{origin} names it", fix)
    kind = "private" if is_private(data) or data.startswith(b"PRIVATE+KEY+") else "public"
    if kind == "private" and mode & _OTHERS:
        seen = (
            f"`{path}` is private, and others of this machine may open it (mode {mode & 0o777:o})"
        )
        why = "whoever has it signs in your name"
        fix = f"`chmod 600 {path}`; if somebody else may have read it, make a new one and revoke it"
        return Examined(named, "keys", Verdict.WARN, seen, why, fix)
    return Examined.ok("keys", f"`{path}`, {kind}, from {origin}", id=named)


def _keys(said: SaidSettings) -> Iterator[Examined]:
    from weightmark.attestations.keys.schemes import FILE, scheme_of

    named = said.of(*_KEY_FLAGS)
    for word, origin in named.items():
        if scheme_of(word) == FILE and "://" not in word and "+" not in word:
            yield examine_key(Path(word), origin)
    found = (path for path in Path().glob("*.key") if path.is_file() and str(path) not in named)
    for path in sorted(islice(found, _MOST_KEYS)):
        seen = examine_key(path, "the current folder")
        if seen.verdict is Verdict.WARN:
            yield seen


def _end_of(policy: "Policy", named: str, origin: str, now: datetime) -> Examined | None:
    """Say so where a policy decides no longer, or not for long."""
    end = policy.expires
    if end is None or end > now + _SOON:
        return None
    shown = f"`{policy.name}` from {origin}, until {end:%Y-%m-%dT%H:%M:%SZ}"
    fix = "get the present one from its owner, or extend `expires` and sign it again"
    if end <= now:
        why = "a policy past its end decides nothing: `gate` answers 4"
        return Examined(named, "policy", Verdict.BAD, f"{shown}: past its end", why, fix)
    return Examined(
        named, "policy", Verdict.WARN, f"{shown}: ends soon", "then it decides nothing", fix
    )
