"""Who a CI job is: tokens that CI systems hand to their jobs.

Each system is asked only where its own variables say that it is there, and `gcp`, which is a machine
and no CI system, only where the caller names it. A job of GitLab on a Google machine is therefore the job, not the machine.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from weightmark.attestations.signers.keyless.services import BoundedSession, Patience
from weightmark.errors import CallError, NetworkError, UncheckedError, UnsupportedError
from weightmark.values import dataclass

__all__ = ["PROVIDERS", "ambient_provider", "ambient_token"]

Ask = Callable[[str, Mapping[str, str], Patience], str]


@dataclass(frozen=True, slots=True)
class _Provider:
    """One CI system."""

    sign: str
    """the variable by which a job knows that it runs there; empty where only the caller can say so"""
    ask: Ask
    """how a job gets its token: (audience, environment, patience)"""


def ambient_provider(environment: Mapping[str, str]) -> str | None:
    """Return the name of the CI system that this process runs in; nothing is asked for."""
    return next(
        (name for name, known in _TABLE.items() if known.sign and environment.get(known.sign)), None
    )


def ambient_token(
    provider: str,
    audience: str,
    environment: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> str:
    """Return the token of this job from the CI system `provider`, one of `PROVIDERS`.

    Raises `CallError` when the job may not have one, `NetworkError` and `UncheckedError` when it
    could not be got.
    """
    found = dict(os.environ if environment is None else environment)
    return _TABLE[provider].ask(audience, found, patience or Patience())


def _github(audience: str, environment: Mapping[str, str], patience: Patience) -> str:
    import requests

    url = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    bearer = environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not bearer:
        raise CallError(
            "this GitHub Actions job may not ask for an identity token",
            why="the variables `ACTIONS_ID_TOKEN_REQUEST_URL` and `…_TOKEN` are not set",
            fix="give the job `permissions: id-token: write`; runs for pull requests from forks never get it",
        )
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), "audience": audience})
    # A service that answers with the request would show the query, which opens the door as well.
    secrets = (bearer, url, parts.query, *(value for _, value in parse_qsl(parts.query) if value))
    with requests.Session() as inner:
        session = BoundedSession(inner, "token service of GitHub Actions", patience, secrets)
        asked = session.get(
            parts._replace(query=query).geturl(), headers={"Authorization": f"bearer {bearer}"}
        )
    document = asked.json()
    value = document.get("value") if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise NetworkError("the token service of GitHub Actions gave no token")
    return value


def _gitlab(audience: str, environment: Mapping[str, str], _: Patience) -> str:
    name = re.sub(r"[^A-Z0-9]|^[0-9]", "_", audience.upper()) + "_ID_TOKEN"
    token = environment.get(name)
    if not token:
        raise CallError(
            "this GitLab job has no identity token",
            why=f"the variable `{name}` is not set",
            fix=f"add `id_tokens: {{{name}: {{aud: {audience}}}}}` to the job",
        )
    return token


def _buildkite(audience: str, environment: Mapping[str, str], patience: Patience) -> str:
    call = ["buildkite-agent", "oidc", "request-token", "--audience", audience]
    return _tool(call, environment, patience)


def _circleci(audience: str, environment: Mapping[str, str], patience: Patience) -> str:
    claims = f'{{"aud": "{audience}"}}'
    call = ["circleci", "run", "oidc", "get", "--claims", claims, "--root-issuer"]
    return _tool(call, environment, patience)


def _tool(call: list[str], environment: Mapping[str, str], patience: Patience) -> str:
    path = shutil.which(call[0], path=environment.get("PATH"))
    if path is None:
        raise CallError(
            f"`{call[0]}`, which gives this CI job its identity, is not on PATH",
            fix="install it in the job, or give a token with `--identity-token-file`",
        )
    try:
        done = subprocess.run(
            [path, *call[1:]],
            capture_output=True,
            timeout=patience.answer,
            env=dict(environment),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UncheckedError(f"`{call[0]}` could not be run: {type(error).__name__}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise UncheckedError(f"`{call[0]}` gave no token", why=said)
    return done.stdout.decode("ascii", "replace").strip()


def _gcp(audience: str, environment: Mapping[str, str], patience: Patience) -> str:
    import requests

    account = environment.get("GOOGLE_SERVICE_ACCOUNT_NAME")
    if account:
        raise UnsupportedError(
            f"signing as another service account (`{account}`) than the machine's is not supported",
            fix="write its token into a file with `gcloud auth print-identity-token --impersonate-service-account` and give that by `--identity-token-file`",
        )
    with requests.Session() as inner:
        inner.headers["Metadata-Flavor"] = "Google"
        session = BoundedSession(inner, "metadata server of Google Cloud", patience, binary=True)
        query = {"audience": audience, "format": "full"}
        asked = session.get(_METADATA, params=query)
    return asked.content.decode("ascii", "replace").strip()


_METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity"
)
_TABLE = {
    "github": _Provider("GITHUB_ACTIONS", _github),
    "gitlab": _Provider("GITLAB_CI", _gitlab),
    "buildkite": _Provider("BUILDKITE", _buildkite),
    "circleci": _Provider("CIRCLECI", _circleci),
    "gcp": _Provider("", _gcp),
}
PROVIDERS = tuple(_TABLE)
"""the names for `--oidc-provider`, in the order in which they are looked for"""
