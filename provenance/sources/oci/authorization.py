"""Logging in to a registry: its challenge is answered at its token service, or with user and password.

Distribution's token specification ("Token Authentication", with its OAuth 2 form) and RFC 7617.
The scope that is asked for is always the repository of the call, whatever the challenge names.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

from weightmark.errors import MalformedError, NetworkError
from weightmark.provenance.sources.oci.credentials import Credentials
from weightmark.provenance.strict_json import parse_object

__all__ = ["Authorization", "TokenCall"]

TokenCall = Callable[[str, Mapping[str, str] | None, str], bytes]
"""asks a URL, with a form to post or none, and an `Authorization` header or none; returns the answer"""

_CLIENT = "weightmark"
_MAX_CHALLENGE = 4096
_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9-]{0,20})(?=\s)")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z_]{1,40})=(?:"([^"\\]{0,2000})"|([^\s",]{0,2000}))')
_USABLE = re.compile(r"[\x21-\x7e]{1,65536}\Z")


class Authorization:
    """Who one is to one registry for one repository."""

    def __init__(self, credentials: Credentials, scope: str) -> None:
        """Name the login and the scope, as `repository:acme/model:pull`."""
        self._credentials = credentials
        self._scope = scope
        self._token = credentials.registry_token
        self._tokens: set[str] = set()
        self.header = f"Bearer {self._token}" if self._token else ""
        """the value of the `Authorization` header; empty until the registry asked for one"""

    @property
    def is_somebody(self) -> bool:
        """Whether there is a login at all."""
        return bool(self._credentials.secrets)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        basic = self._credentials.basic.removeprefix("Basic ")
        return (*self._credentials.secrets, *([basic] if basic else []), *self._tokens)

    def answer(self, challenge: str, ask: TokenCall) -> bool:
        """Take what a challenge asks for; False when there is nothing to answer it with.

        Raises `NetworkError` for a challenge or a token service that can't be used.
        """
        challenges = parse_challenges(challenge)
        if "bearer" in challenges:
            self.header = f"Bearer {self._obtain(challenges['bearer'], ask)}"
            return True
        if "basic" in challenges and self._credentials.basic:
            self.header = self._credentials.basic
            return True
        return False

    def _obtain(self, parameters: Mapping[str, str], ask: TokenCall) -> str:
        realm = parameters.get("realm", "")
        query = _query_of(realm)
        said = {"service": parameters["service"]} if parameters.get("service") else {}
        wanted = {**said, "scope": self._scope}
        refresh = self._credentials.identity_token
        if refresh:
            form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": _CLIENT}
            data = ask(realm, {**form, **wanted}, "")
        else:
            joint = "&" if query else "?"
            data = ask(f"{realm}{joint}{urlencode(wanted)}", None, self._credentials.basic)
        token = _read_token(data)
        self._tokens.add(token)
        return token


def parse_challenges(text: str) -> dict[str, dict[str, str]]:
    """Read `WWW-Authenticate` (RFC 9110 §11.6.1): parameters by scheme, both in lower case; what is garbled ends it."""
    found: dict[str, dict[str, str]] = {}
    text = text[:_MAX_CHALLENGE]
    place = 0
    while scheme := _SCHEME.match(text, place):
        place = scheme.end()
        parameters = found.setdefault(scheme[1].lower(), {})
        while parameter := _PARAMETER.match(text, place):
            place = parameter.end()
            quoted = parameter[2] if parameter[2] is not None else parameter[3]
            parameters.setdefault(parameter[1].lower(), quoted)
    return found


def _query_of(realm: str) -> str:
    """Return the query of a token service's address; raises `NetworkError` for what is none."""
    try:
        parts = urlsplit(realm)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in realm or "#" in realm:
        raise NetworkError("the registry names no token service that could be asked")
    return urlsplit(realm).query


def _read_token(data: bytes) -> str:
    try:
        fields = parse_object(data, what="the token")
    except MalformedError:
        # what it answered could be the token in another shape
        raise NetworkError("the token service answered with no token") from None
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not _USABLE.match(token):
        raise NetworkError("the token service answered with no token")
    return token
