"""The words of the Python API for who signs and whom to trust: those of the command line, with `_` for `-`."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.signers.choice import SignerChoice
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.selection import TrustChoice
from weightmark.errors import CallError

__all__ = [
    "SignerWords",
    "TrustWords",
    "path_of",
    "paths_of",
    "require_flags",
    "signers_of",
    "trust_of",
]

_FLAGS = frozenset(["cert_any", "keyless", "require_timestamp", "staging"])
_TEXTS = frozenset(
    [
        "cert_fingerprint",
        "cert_san",
        "cert_subject",
        "identity_token",
        "issuer",
        "oidc_provider",
        "owner",
        "repo",
        "signer_workflow",
    ]
)
_FILES = frozenset(["pkcs11_module", "signing_cert", "trust_config", "trusted_root"])

AnyPath = str | Path
T = TypeVar("T")


class SignerWords(TypedDict, total=False):
    """Who signs; a key, an identity (`keyless`) or signers that exist already."""

    signer: Signer | Sequence[Signer]
    """signers as values: `KeySigner`, `CertificateSigner`, `KeylessSigner`, …"""
    key: AnyPath | PrivateKey | Sequence[AnyPath | PrivateKey]
    """private keys: files, URIs of tokens and key services, or keys in memory"""
    passphrase: bytes
    """passphrase of the key files, or PIN of the token"""
    pq_key: AnyPath | PrivateKey
    """ML-DSA-65 key that signs as well"""
    signing_cert: AnyPath
    """PEM file with the certificate of the only key"""
    cert_chain: AnyPath | Sequence[AnyPath]
    """PEM files with the authorities of that certificate, its issuer first"""
    pkcs11_module: AnyPath
    """library of the token, when the URI names none"""
    tsa_url: str | Sequence[str]
    """time-stamping authorities to ask (RFC 3161)"""
    tsa_chain: AnyPath | Sequence[AnyPath]
    """PEM files, each with the chain of one such authority"""
    require_timestamp: bool
    """whether a signature without a timestamp is an error"""
    keyless: bool
    """whether to sign as the CI job that this is, or by `identity_token`"""
    identity_token: str
    """OpenID Connect token of who signs"""
    oidc_provider: str
    """the CI system whose identity is taken: `github`, `gitlab`, `buildkite`, `circleci`, `gcp`"""
    staging: bool
    """whether Sigstore's staging instance is meant"""
    trust_config: AnyPath
    """ClientTrustConfig of another Sigstore instance"""
    rekor_version: int
    """version of the log, 1 or 2"""


class TrustWords(TypedDict, total=False):
    """Whom to trust; several may be named, and any one suffices."""

    key: AnyPath | PublicKey | Sequence[AnyPath | PublicKey]
    """public keys: files, keys in memory, or `key:<hex>` of a key in `trust`"""
    identity: str
    """subject of a keyless signer, exactly; with `issuer`"""
    identity_glob: str
    """the same with `*`, `**` and `?`"""
    identity_regex: str
    """the same as a regular expression over the whole"""
    issuer: str
    """URL of the identity provider"""
    repo: str
    """`OWNER/NAME` on GitHub whose workflows are trusted"""
    owner: str
    """owner on GitHub whose workflows are trusted"""
    signer_workflow: str
    """the GitHub workflow that must have signed"""
    cert_chain: AnyPath | Sequence[AnyPath]
    """PEM files with certificate authorities"""
    cert_subject: str
    """distinguished or common name in the signer's certificate"""
    cert_san: str
    """alternative name in the signer's certificate"""
    cert_fingerprint: str
    """SHA-256 of the signer's certificate"""
    cert_any: bool
    """whether every certificate under the chain counts"""
    trust: Trust | AnyPath | None
    """a trust file, or trust as a value"""
    trusted_root: AnyPath
    """trusted root of another Sigstore instance"""
    trust_config: AnyPath
    """ClientTrustConfig of another Sigstore instance"""
    staging: bool
    """whether Sigstore's staging instance is meant"""
    rotation: AnyPath | Sequence[AnyPath]
    """files of `key rotate`, in their order"""
    tsa_chain: AnyPath | Sequence[AnyPath]
    """PEM files, each with the chain of one timestamp authority"""


def signers_of(words: SignerWords) -> tuple[tuple[Signer, ...], tuple[Path, ...]]:
    """Return the signers, at least one, and the files with their secrets.

    Raises `TypeError` for an unknown word or a value of another type, `CallError` for no signer, and what `SignerChoice.load` raises.
    """
    _require_words(words, SignerWords)
    passphrase = words.get("passphrase")
    choice = SignerChoice(
        keys=_several(words.get("key")),
        passphrase=lambda _name: passphrase,
        pq_key=words.get("pq_key"),
        signing_cert=words.get("signing_cert"),
        cert_chain=_several(words.get("cert_chain")),
        pkcs11_module=words.get("pkcs11_module"),
        tsa_urls=_several(words.get("tsa_url")),
        tsa_chains=_several(words.get("tsa_chain")),
        require_timestamp=words.get("require_timestamp", False),
        keyless=(lambda: _keyless(words)) if _names_keyless(words) else None,
    )
    given: tuple[Signer, ...] = _several(words.get("signer"))
    if given and not choice.is_empty:
        raise CallError("`signer` stands beside a key or an identity", fix="name one of them")
    signers = (*given, *choice.load())
    if not signers:
        raise CallError(
            "no signer was named", fix="name one with `key`, `keyless=True` or `signer`"
        )
    return signers, choice.secret_files


def trust_of(words: TrustWords) -> Trust | None:
    """Return the trust, or None when nobody is named; raises `TypeError` for an unknown word or a value of another type, and what `TrustChoice.load` raises."""
    _require_words(words, TrustWords)
    trust = words.get("trust")
    whole = trust if isinstance(trust, Trust) else None
    files = () if trust is None or isinstance(trust, Trust) else (str(Path(trust).absolute()),)
    said = TrustChoice(
        keys=_several(words.get("key")),
        identities=_several(words.get("identity") or None),
        identity_globs=_several(words.get("identity_glob")),
        identity_regexes=_several(words.get("identity_regex")),
        issuer=words.get("issuer", ""),
        repository=words.get("repo", ""),
        owner=words.get("owner", ""),
        signer_workflow=words.get("signer_workflow", ""),
        cert_chains=_several(words.get("cert_chain")),
        cert_subject=words.get("cert_subject", ""),
        cert_san=words.get("cert_san", ""),
        cert_fingerprint=words.get("cert_fingerprint", ""),
        cert_any=words.get("cert_any", False),
        trust=files,
        trusted_root=words.get("trusted_root"),
        trust_config=words.get("trust_config"),
        staging=words.get("staging", False),
        rotations=_several(words.get("rotation")),
        tsa_chains=_several(words.get("tsa_chain")),
    ).load(Path())
    if whole is None or said is None:
        return whole or said
    return Trust((*whole.anchors, *said.anchors))


def _several(value: Any) -> tuple[Any, ...]:
    """Return one value or a sequence of them as a tuple; None is none."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def path_of(value: AnyPath) -> Path:
    """Return one path; raises `TypeError` for anything else, `CallError` for one with a NUL."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"a path is a `str` or a `Path`, and not `{type(value).__name__}`")
    return Path(*paths_of(value))


def paths_of(value: AnyPath | Sequence[AnyPath]) -> tuple[str, ...]:
    """Return one path or several of them as texts; a lone one is not read letter by letter.

    Raises `TypeError` for anything else, `CallError` for a path with a NUL, which no file has.
    """
    found = (value,) if isinstance(value, (str, os.PathLike)) else tuple(value)
    for one in found:
        if not isinstance(one, (str, os.PathLike)):
            raise TypeError(f"a path is a `str` or a `Path`, and not `{type(one).__name__}`")
    texts = tuple(os.fspath(one) for one in found)
    _refuse_nul("a path", texts)
    return texts


def _refuse_nul(what: str, values: Iterable[object]) -> None:
    if any("\0" in os.fspath(one) for one in values if isinstance(one, (str, os.PathLike))):
        raise CallError(f"{what} holds a NUL, which no name has", fix="check where it comes from")


def require_flags(**flags: object) -> None:
    """Raise `TypeError` unless each is `True` or `False`: the text "no" would count as yes."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"`{name}` is `True` or `False`, and not `{type(value).__name__}`")


def _require_words(words: SignerWords | TrustWords, known: type) -> None:
    unknown = sorted(set(words) - set(known.__annotations__))
    if unknown:
        raise TypeError(f"unexpected keyword argument `{unknown[0]}`")
    given = {name: value for name, value in words.items() if value is not None}
    for name, value in given.items():
        _refuse_nul(f"`{name}`", _several(value))
    require_flags(**{name: given[name] for name in sorted(_FLAGS & given.keys())})
    for name in sorted(_TEXTS & given.keys()):
        if not isinstance(given[name], str):
            raise TypeError(f"`{name}` is one `str`, and not `{type(given[name]).__name__}`")
    for name in sorted(_FILES & given.keys()):
        if not isinstance(given[name], (str, os.PathLike)):
            raise TypeError(
                f"`{name}` is one `str` or `Path`, and not `{type(given[name]).__name__}`"
            )


def _names_keyless(words: SignerWords) -> bool:
    return any(
        words.get(name)
        for name in ("keyless", "identity_token", "oidc_provider", "staging", "trust_config")
    )


def _keyless(words: SignerWords) -> Signer:
    from weightmark.attestations.signers.keyless import (
        KeylessSigner,
        SigstoreInstance,
        TokenRequest,
    )

    request = TokenRequest(
        token=words.get("identity_token"), provider=words.get("oidc_provider"), interactive=False
    )
    if config := words.get("trust_config"):
        instance = SigstoreInstance.from_trust_config(config)
    else:
        staging = words.get("staging", False)
        instance = SigstoreInstance.staging() if staging else SigstoreInstance.public_good()
    return KeylessSigner(
        instance,
        lambda: request.obtain(instance),
        rekor_version=words.get("rekor_version"),
        require_timestamp=words.get("require_timestamp", False),
    )
