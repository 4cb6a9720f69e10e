"""Which Sigstore signs: the addresses of its services, and whom to trust for what they make."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.signers.keyless.services import Patience
from weightmark.attestations.sigstore.packaged import PUBLIC_GOOD, STAGING, packaged_root
from weightmark.errors import CallError, NetworkError, TrustMissingError, WeightmarkError
from weightmark.provenance.bounded_time import within
from weightmark.provenance.sidecars import read_bounded
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig, SigningConfig

__all__ = ["PUBLIC_GOOD_TUF", "STAGING_TUF", "SigstoreInstance"]

PUBLIC_GOOD_TUF = "https://tuf-repo-cdn.sigstore.dev"
"""where the public good instance publishes its trusted root"""
STAGING_TUF = "https://tuf-repo-cdn.sigstage.dev"
"""the same of the staging instance"""

_MEDIA_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_MAX_CONFIG = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SigstoreInstance:
    """One Sigstore: public, for trials, or an organization's own."""

    name: str
    """how it is named in messages"""
    trusted_root: bytes
    """a `TrustedRoot` as JSON (protobuf-specs): whose certificates, logs and timestamps count"""
    signing_config: bytes
    """a `SigningConfig` v0.2 as JSON: which services to ask"""

    @classmethod
    def public_good(cls) -> Self:
        """Return sigstore.dev, as packaged with sigstore-python; nothing is fetched."""
        return cls._packaged("sigstore.dev", PUBLIC_GOOD)

    @classmethod
    def staging(cls) -> Self:
        """Return sigstage.dev, for trials: its signatures are worth nothing."""
        return cls._packaged("sigstage.dev", STAGING)

    @classmethod
    def from_trust_config(cls, path: str | Path) -> Self:
        """Read a `ClientTrustConfig`, the file that `sigstore` and `model_signing` take, too.

        Raises `TrustMissingError` when it holds something else.
        """
        try:
            document = parse_object(
                read_bounded(Path(path), limit=_MAX_CONFIG), what=f"`{path}`", max_size=_MAX_CONFIG
            )
            parts = [document[name] for name in ("trustedRoot", "signingConfig")]
        except (KeyError, WeightmarkError) as error:
            reason = error.what if isinstance(error, WeightmarkError) else f"it has no {error}"
            raise _unusable(str(path), reason) from error
        root, config = (json.dumps(part).encode() for part in parts)
        _require_own_reading(str(path), root)
        instance = cls(str(path), root, config)
        instance.client_config(None)
        return instance

    @classmethod
    def from_tuf(
        cls, url: str, root: str | Path | None = None, patience: Patience | None = None
    ) -> Self:
        """Ask a TUF repository for both documents; `root` is its first root, got by another way.

        Raises `NetworkError` when it can't be asked or doesn't verify.
        """
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig

        _require_root(url, root)
        wait = patience or Patience()
        first = Path(root) if root else None
        try:
            config = within(
                wait.answer * wait.attempts,
                lambda: ClientTrustConfig.from_tuf(url, bootstrap_root=first),
            )
        except (Error, OSError, ValueError) as error:
            cause = error.__cause__ or error
            raise NetworkError(
                f"the TUF repository at `{url}` could not be used",
                why=" ".join(str(cause).split())[:300] or "it could not be reached",
                fix="check the address and that `--tuf-root` is the root of this repository",
            ) from error
        inner = config._inner  # noqa: SLF001 - the only place where sigstore keeps what it fetched
        trusted_root = inner.trusted_root.to_json().encode()
        _require_own_reading(url, trusted_root)
        return cls(url, trusted_root, inner.signing_config.to_json().encode())

    @classmethod
    def _packaged(cls, name: str, folder: str) -> Self:
        from importlib.resources import files

        config = files("sigstore._store") / folder / "signing_config.v0.2.json"
        return cls(name, packaged_root(folder), config.read_bytes())

    def client_config(self, rekor_version: int | None) -> "ClientTrustConfig":
        """Return what sigstore-python works with.

        Raises `TrustMissingError` when the documents are no good, `CallError` when no log of
        `rekor_version` is there.
        """
        from sigstore.errors import Error
        from sigstore.models import ClientTrustConfig

        document = {
            "mediaType": _MEDIA_TYPE,
            "trustedRoot": json.loads(self.trusted_root),
            "signingConfig": json.loads(self.signing_config),
        }
        try:
            config = ClientTrustConfig.from_json(json.dumps(document))
            known = _services(config)
        except (Error, ValueError, TypeError) as error:
            raise _unusable(self.name, " ".join(str(error).split())[:300]) from error
        config.force_tlog_version = rekor_version
        try:
            _services(config)
        except Error as error:
            has = sorted({log.major_api_version for log in known})
            raise CallError(
                f"`{self.name}` has no Rekor v{rekor_version}",
                why=f"its signing config names version {', '.join(map(str, has))}",
                fix="leave `--rekor-version` out",
            ) from error
        return config

    @property
    def identity_provider(self) -> str:
        """The address where people log in; raises `CallError` when the instance names none."""
        from sigstore.errors import Error

        try:
            return self.client_config(None).signing_config.get_oidc_url()
        except Error as error:
            raise CallError(
                f"`{self.name}` names no identity provider",
                fix="give a token with `--identity-token-file`",
            ) from error


def _services(config: "ClientTrustConfig") -> Any:
    """Return the logs of a signing config; sigstore checks all services when it is asked."""
    signing: SigningConfig = config.signing_config
    config.trusted_root.rekor_keyring  # noqa: B018 - raises when the root is no good
    return signing._inner.rekor_tlog_urls  # noqa: SLF001 - only here the versions can be seen


def _require_own_reading(name: str, root: bytes) -> None:
    """Refuse a root that `verify` could not work with, before anything is signed."""
    from weightmark.attestations.sigstore.trusted_root import TrustedRoot

    try:
        TrustedRoot.parse(root)
    except WeightmarkError as error:
        raise _unusable(name, error.what) from error


def _require_root(url: str, root: str | Path | None) -> None:
    if root is None and url.rstrip("/") not in (PUBLIC_GOOD_TUF, STAGING_TUF):
        raise CallError(
            f"the root of the TUF repository `{url}` was not given",
            why="without it nobody can say whose keys are good there",
            fix="name the `root.json` that its owner gave you with `--tuf-root`",
        )
    if root is not None and not Path(root).is_file():
        raise CallError(f"`{root}` is no file", fix="give the path of the repository's `root.json`")


def _unusable(name: str, why: str) -> TrustMissingError:
    return TrustMissingError(
        f"`{name}` is no usable trust config",
        why=why,
        fix="give a `ClientTrustConfig` in JSON, as `sigstore --trust-config` takes it",
    )
