"""Identity tokens (OpenID Connect): a short-lived secret that says who the caller is.

Their signature is checked by the certificate authority, not here; what is checked here is what
makes a call hopeless, so that it fails with a clear word before anything is sent.
"""

import base64
import binascii
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any

from weightmark.errors import CallError, ExpiredError, WeightmarkError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["DEFAULT_CLIENT", "IdentityToken"]

DEFAULT_CLIENT = "sigstore"
"""the audience for which Sigstore's authorities accept tokens"""

_MAX_TOKEN = 32768
_PARTS = 3
_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A token that looks right; only the certificate authority can tell whether it is."""

    raw: str = field(repr=False)
    """the secret itself; never printed"""
    issuer: str
    """URL of the identity provider"""
    subject: str
    """who it is about, as the token says it; the certificate may name the same one otherwise"""
    expires: datetime
    """until when it is good, in UTC"""
    audience: str
    """for whom it was made"""
    email: str = ""
    """the address of a person; empty for machines"""

    @classmethod
    def parse(
        cls, raw: str, *, audience: str = DEFAULT_CLIENT, now: datetime | None = None
    ) -> "IdentityToken":
        """Read a token (RFC 7519).

        Raises `CallError` when it is malformed or meant for another audience, `ExpiredError` when
        its time is over.
        """
        raw = raw.strip()
        claims = _claims(raw)
        issuer, subject = _text(claims, "iss"), _text(claims, "sub")
        _require_audience(claims, audience)
        token = cls(raw, issuer, subject, _moment(claims, "exp"), audience, _email(claims))
        now = now or datetime.now(UTC)
        token.require_time(now)
        if "nbf" in claims and _moment(claims, "nbf") > now + _SKEW:
            raise ExpiredError(
                "the identity token is not good yet",
                why=f"it begins at {_moment(claims, 'nbf'):%Y-%m-%dT%H:%M:%SZ}",
                fix="check the clock of this machine",
            )
        return token

    def require_time(self, now: datetime) -> "IdentityToken":
        """Return the token; raises `ExpiredError` when its time is over."""
        if now >= self.expires:
            raise ExpiredError(
                "the identity token has expired",
                why=f"it was good until {self.expires:%Y-%m-%dT%H:%M:%SZ}",
                fix="get a new one right before signing: most are good for a few minutes",
            )
        return self


def _claims(raw: str) -> dict[str, Any]:
    parts = raw.split(".")
    if len(parts) != _PARTS or len(raw) > _MAX_TOKEN or not raw.isascii():
        raise _malformed("it is not made of three parts with dots between them")
    try:
        payload = base64.b64decode(
            parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        raise _malformed("its second part is not base64url") from None
    try:
        return parse_object(payload, what="the identity token")
    except WeightmarkError:
        raise _malformed("its second part is not a JSON object") from None


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(f"it has no `{name}`")
    return value


def _email(claims: dict[str, Any]) -> str:
    email = claims.get("email")
    return email if isinstance(email, str) else ""


def _moment(claims: dict[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _malformed(f"it has no `{name}`")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise _malformed(f"its `{name}` is no time") from None


def _require_audience(claims: dict[str, Any], audience: str) -> None:
    said = claims.get("aud")
    known = said if isinstance(said, list) else [said]
    if audience not in known:
        shown = ", ".join(f"`{str(one)[:80]}`" for one in known[:3])
        raise CallError(
            f"the identity token is not meant for `{audience}`",
            why=f"its audience is {shown}" if said else "it names no audience",
            fix=f"ask the provider for a token with the audience `{audience}`, or name the client with `--client-id`",
        )


def _malformed(why: str) -> CallError:
    return CallError(
        "the identity token cannot be read",
        why=why,
        fix="give the token alone, as the provider returns it (`eyJ….eyJ….…`)",
    )
