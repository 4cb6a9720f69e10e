"""Where an identity token comes from, in order: the caller, the environment, the CI system, a login."""

import os
import sys
from collections.abc import Mapping
from dataclasses import field

from weightmark.attestations.signers.keyless.ambient import ambient_provider, ambient_token
from weightmark.attestations.signers.keyless.instance import SigstoreInstance
from weightmark.attestations.signers.keyless.login import log_in
from weightmark.attestations.signers.keyless.services import Patience
from weightmark.attestations.signers.keyless.tokens import DEFAULT_CLIENT, IdentityToken
from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["TOKEN_VARIABLES", "TokenRequest"]

TOKEN_VARIABLES = ("SIGSTORE_ID_TOKEN", "SIGSTORE_IDENTITY_TOKEN")
"""variables of other tools that hold a token: cosign's and GitLab's, sigstore-python's"""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """How the caller wants to say who it is."""

    token: str | None = field(default=None, repr=False)
    """the token itself"""
    provider: str | None = None
    """the CI system to ask, one of `ambient.PROVIDERS`, whatever else is there"""
    out_of_band: bool = False
    """whether to log in by a code from any browser, whatever else is there"""
    client_id: str = DEFAULT_CLIENT
    """the audience of the token"""
    client_secret: str = field(default="", repr=False)
    """what the identity provider wants to know of a confidential client"""
    interactive: bool = True
    """whether a person may be asked to log in"""

    def obtain(
        self,
        instance: SigstoreInstance,
        *,
        environment: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> IdentityToken:
        """Return a token from the first source that has one; people log in where `instance` says.

        Raises `CallError` when none has, or what the source raises.
        """
        found = dict(os.environ if environment is None else environment)
        raw = self._given(found)
        if raw is None:
            provider = self.provider or (None if self.out_of_band else ambient_provider(found))
            if provider:
                raw = ambient_token(provider, self.client_id, found, patience)
            else:
                raw = self._log_in(instance, found)
        return IdentityToken.parse(raw, audience=self.client_id)

    def _given(self, environment: Mapping[str, str]) -> str | None:
        if self.token:
            return self.token
        if self.provider or self.out_of_band:
            return None
        return next((value for name in TOKEN_VARIABLES if (value := environment.get(name))), None)

    def _log_in(self, instance: SigstoreInstance, environment: Mapping[str, str]) -> str:
        if not self.out_of_band and not self._may_open_browser(environment):
            raise CallError(
                "nobody said who signs",
                why="there is no identity token, this is no CI job with an identity, and no person to ask",
                fix="give a token with `--identity-token-file`, or log in with a code by `--oob`",
            )
        return log_in(
            instance.identity_provider,
            client_id=self.client_id,
            client_secret=self.client_secret,
            out_of_band=self.out_of_band,
        )

    def _may_open_browser(self, environment: Mapping[str, str]) -> bool:
        if not self.interactive or environment.get("CI"):
            return False
        return bool(environment.get("BROWSER")) or sys.stdin.isatty()
