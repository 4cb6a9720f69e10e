"""Who a person is: a login in the browser, or in any browser by a code (out of band)."""

import contextlib
import sys

from weightmark.errors import NetworkError, UncheckedError

__all__ = ["log_in"]


def log_in(url: str, *, client_id: str, client_secret: str, out_of_band: bool) -> str:
    """Return the token of whoever logs in at the identity provider `url` (RFC 6749 with PKCE).

    Blocks until the person is done. Raises `NetworkError` when the provider can't be used and
    `UncheckedError` when the login was not completed.
    """
    import requests
    from sigstore.errors import Error
    from sigstore.errors import NetworkError as SigstoreNetworkError
    from sigstore.oidc import Issuer, IssuerError

    failures = (SigstoreNetworkError, IssuerError, requests.RequestException)
    try:
        # The prompt for the code belongs to the person, not to whoever reads the output.
        with contextlib.redirect_stdout(sys.stderr):
            issuer = Issuer(url)
            token = issuer.identity_token(
                client_id=client_id, client_secret=client_secret, force_oob=out_of_band
            )
    except failures as error:
        raise NetworkError(
            f"the identity provider at `{url}` could not be used",
            why=str(error)[:300] or type(error.__cause__ or error).__name__,
            fix="check the address, the network and the proxy settings, and try again",
        ) from error
    except (Error, KeyError, ValueError, EOFError) as error:
        raise UncheckedError(
            f"the login at `{url}` was not completed",
            why=str(error)[:300] or type(error).__name__,
            fix="try again, or give a token with `--identity-token-file`",
        ) from error
    return str(token)
