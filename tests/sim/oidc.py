"""An identity provider with discovery, the browser flow (RFC 6749, PKCE) and signing keys; and CI's token endpoints."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.sim.clock import SimClock
from tests.sim.web import Answer, Request

__all__ = ["GITHUB_ISSUER", "GITLAB_ISSUER", "OidcProvider", "github_claims", "gitlab_claims"]

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITLAB_ISSUER = "https://gitlab.com"
_SHA = "8d2f6c1f0d5c1a4f0f3f4b3a2c1d0e9f8a7b6c5d"


def github_claims(repository: str = "acme/models", ref: str = "refs/heads/main") -> dict[str, str]:
    """Return the claims of a GitHub Actions token."""
    owner = repository.partition("/")[0]
    workflow = f"{repository}/.github/workflows/release.yml@{ref}"
    return {
        "iss": GITHUB_ISSUER,
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "repository_id": "4711",
        "repository_owner": owner,
        "repository_owner_id": "42",
        "repository_visibility": "public",
        "ref": ref,
        "sha": _SHA,
        "workflow": "release",
        "workflow_ref": workflow,
        "workflow_sha": _SHA,
        "job_workflow_ref": workflow,
        "job_workflow_sha": _SHA,
        "event_name": "push",
        "run_id": "1001",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    }


def gitlab_claims(project: str = "acme/models", branch: str = "main") -> dict[str, str]:
    """Return the claims of a GitLab id token."""
    return {
        "iss": GITLAB_ISSUER,
        "sub": f"project_path:{project}:ref_type:branch:ref:{branch}",
        "project_path": project,
        "project_id": "815",
        "project_visibility": "private",
        "namespace_path": project.partition("/")[0],
        "namespace_id": "7",
        "ref_path": f"refs/heads/{branch}",
        "sha": _SHA,
        "ci_config_ref_uri": f"gitlab.com/{project}//.gitlab-ci.yml@refs/heads/{branch}",
        "ci_config_sha": _SHA,
        "pipeline_source": "push",
        "job_id": "99",
        "runner_environment": "gitlab-hosted",
    }


@dataclass(frozen=True, slots=True)
class _Pending:
    """A login that waits for its code to be redeemed."""

    client_id: str
    redirect_uri: str
    challenge: str


@dataclass
class OidcProvider:
    """Issues tokens for people (as itself) and for CI (under the names of the real issuers)."""

    clock: SimClock
    url: str
    """its own name as issuer"""
    person: str = "release@example.com"
    """who logs in in the browser"""
    client_secret: str = ""
    """what a client has to know; empty for a public client"""
    ci_claims: dict[str, str] = field(default_factory=github_claims)
    """what the GitHub endpoint puts into its tokens"""
    ci_bearer: str = "gha-request-token"
    """the secret of a workflow run"""
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    _codes: dict[str, _Pending] = field(default_factory=dict)

    def token(self, claims: dict[str, str] | None = None, **more: object) -> str:
        """Return a signed token; `more` overrides any claim, None removes it."""
        now = int(self.clock.now().timestamp())
        email = {"iss": self.url, "sub": "user-1", "email": self.person, "email_verified": True}
        payload: dict[str, object] = {
            **(claims or email),
            "aud": "sigstore",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            **more,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="ES256", headers={"kid": "sim"})

    def read(self, token: str) -> dict[str, object]:
        """Verify a token as Fulcio does; raises `jwt.InvalidTokenError`."""
        options: jwt.types.Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        claims: dict[str, object] = jwt.decode(
            token, self.key.public_key(), algorithms=["ES256"], audience="sigstore", options=options
        )
        now = self.clock.now().timestamp()
        if not isinstance(claims.get("exp"), int) or now > int(str(claims["exp"])):
            raise jwt.ExpiredSignatureError("the token has expired")
        if claims["iss"] not in (self.url, GITHUB_ISSUER, GITLAB_ISSUER):
            raise jwt.InvalidIssuerError("the issuer is not known here")
        return claims

    def handle(self, request: Request) -> Answer:
        """Answer discovery, `authorize`, `token` and `keys`."""
        leaf = request.path.rsplit("/", 1)[-1]
        handlers = {
            "openid-configuration": self._discover,
            "authorize": self._authorize,
            "token": self._redeem,
            "keys": self._keys,
        }
        handler = handlers.get(leaf)
        return handler(request) if handler else Answer.refusal(404, "no such endpoint")

    def handle_github(self, request: Request) -> Answer:
        """Answer as the token endpoint of a GitHub Actions run."""
        if request.headers.get("authorization", "").lower() != f"bearer {self.ci_bearer}":
            return Answer.refusal(401, "the request token is not that of this run")
        return Answer.of({"value": self.token(self.ci_claims, aud=request.query["audience"])})

    def handle_google(self, request: Request) -> Answer:
        """Answer as the metadata server of a Google machine, which clients reach by its name only."""
        if request.headers.get("metadata-flavor") != "Google":
            return Answer.refusal(403, "the header `Metadata-Flavor` is missing")
        token = self.token(sub="1234567890", aud=request.query["audience"])
        return Answer(token.encode(), kind="text/html")

    def _discover(self, _: Request) -> Answer:
        return Answer.of(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    def _authorize(self, request: Request) -> Answer:
        asked = request.query
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return Answer.refusal(400, "only codes with PKCE S256")
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Pending(
            asked["client_id"], asked["redirect_uri"], asked["code_challenge"]
        )
        if asked["redirect_uri"].startswith("urn:"):
            return Answer(code.encode(), kind="text/plain")
        back = urlencode({"code": code, "state": asked["state"]})
        return Answer(b"", 302, "text/plain", {"Location": f"{asked['redirect_uri']}?{back}"})

    def _redeem(self, request: Request) -> Answer:
        form = request.form()
        pending = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if pending is None or challenge != pending.challenge:
            return Answer.of({"error": "invalid_grant"}, 400)
        if form.get("redirect_uri") != pending.redirect_uri:
            return Answer.of({"error": "invalid_grant"}, 400)
        if not self._knows_client(request, pending.client_id):
            return Answer.of({"error": "invalid_client"}, 401)
        token = self.token(aud=pending.client_id)
        return Answer.of({"access_token": token, "id_token": token, "token_type": "Bearer"})

    def _knows_client(self, request: Request, client_id: str) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        return base64.b64decode(given).decode() == f"{client_id}:{self.client_secret}"

    def _keys(self, _: Request) -> Answer:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return Answer.of({"keys": [{**public, "kid": "sim", "use": "sig", "alg": "ES256"}]})
