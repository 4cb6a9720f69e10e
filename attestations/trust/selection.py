"""From what a caller names, flag by flag or word by word, to the trust in it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust.clocks import Clocks
from weightmark.attestations.trust.interface import Anchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.verified import Trust
from weightmark.attestations.trust.veto import Veto, vetoes_of
from weightmark.errors import CallError, WeightmarkError, WrongSignerError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.sidecars import read_named
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.sigstore.trusted_root import Authority
    from weightmark.attestations.trust.roots import Root
    from weightmark.attestations.trust.trust_file import TrustFile

__all__ = ["TrustChoice"]

_MAX_FILE = 4 * 1024 * 1024
_FINGERPRINT = lazy_pattern(r"(?:key:|sha256:)([0-9a-f]{64})")
_KEY_URI = lazy_pattern(r"(?:pkcs11|awskms|gcpkms|azurekms|hv):")
_USER = lazy_pattern(r"(://)[^/@]*@")
_PIN = lazy_pattern(r"(pin-value=)[^;&]*")

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class TrustChoice:
    """Whom a caller trusts, in the caller's words; what is empty was not said."""

    keys: tuple[AnyPath | PublicKey, ...] = ()
    """public keys: files, keys in memory, or `sha256:<hex>` of keys in a trust file"""
    identities: tuple[str, ...] = ()
    """subjects, exactly"""
    identity_globs: tuple[str, ...] = ()
    """subjects with `*`, `**` and `?`"""
    identity_regexes: tuple[str, ...] = ()
    """subjects as regular expressions over the whole"""
    issuer: str = ""
    """URL of the identity provider"""
    repository: str = ""
    """`OWNER/NAME` on GitHub whose workflows are trusted"""
    owner: str = ""
    """owner on GitHub whose workflows are trusted"""
    signer_workflow: str = ""
    """the GitHub workflow that must have signed, `OWNER/NAME/PATH[@REF]`"""
    cert_chains: tuple[AnyPath, ...] = ()
    """PEM files with certificate authorities"""
    cert_subject: str = ""
    """distinguished or common name of the signer's certificate"""
    cert_san: str = ""
    """alternative name of the signer's certificate"""
    cert_fingerprint: str = ""
    """SHA-256 of the signer's certificate"""
    cert_any: bool = False
    """whether every certificate under the chains counts"""
    trust: tuple[str, ...] = ()
    """trust files, by path or by name"""
    trusted_root: AnyPath | None = None
    """trusted root of a Sigstore instance"""
    trust_config: AnyPath | None = None
    """client trust configuration of a Sigstore instance"""
    staging: bool = False
    """whether Sigstore's staging instance is meant"""
    rotations: tuple[AnyPath, ...] = ()
    """files of `key rotate` in which a trusted key hands over to the next, in their order"""
    tsa_chains: tuple[AnyPath, ...] = ()
    """PEM files, each with the chain of one timestamp authority"""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return self == TrustChoice()

    @property
    def files(self) -> Iterator[tuple[str, AnyPath]]:
        """Each file that configures the judge, with what it is; trust files are judged by `load`."""
        for key in self.keys:
            if not isinstance(key, PublicKey) and not _FINGERPRINT.fullmatch(str(key)):
                yield "the key", key
        yield from (("the certificate chain", one) for one in self.cert_chains)
        yield from (("the key rotation", one) for one in self.rotations)
        yield from (("the timestamp authority", one) for one in self.tsa_chains)
        if self.trusted_root:
            yield "the trusted root", self.trusted_root
        if self.trust_config:
            yield "the trust configuration", self.trust_config

    def load(self, directory: Path, *, artifact: Path | None = None) -> Trust | None:
        """Read all files and return the trust; None when nobody is named.

        `directory` holds the user's trust files, none of which may lie in the `artifact` that is
        judged. Raises `CallError` for what contradicts itself or
        is not there, `TrustMissingError` for what is unusable.
        """
        self._check()
        named = _load_files(self.trust, directory, artifact)
        clocks = self._clocks(named)
        picked = [match[1] for key in self.keys if (match := _FINGERPRINT.fullmatch(str(key)))]
        anchors: list[Anchor] = []
        listed = [anchor for one in named for anchor in one.anchors]
        anchors += _pick(named, picked) if picked else listed
        anchors += vetoes_of(listed, but=anchors)
        listed_keys = [one for one in listed if isinstance(one, KeyAnchor)]
        anchors += self._key_anchors(clocks, listed_keys)
        anchors += self._successors(anchors, listed_keys, clocks)
        anchors += self._certificate_anchors(clocks)
        if self._names_identities:
            anchors += self._identity_anchors()
        return Trust(tuple(anchors)) if anchors else None

    @property
    def _names_identities(self) -> bool:
        return bool(
            self.identities
            or self.identity_globs
            or self.identity_regexes
            or self.repository
            or self.owner
            or self.signer_workflow
        )

    @property
    def _names_root(self) -> bool:
        return bool(self.trusted_root or self.trust_config or self.staging)

    def _check(self) -> None:
        roots = [self.trusted_root, self.trust_config, self.staging or None]
        if sum(root is not None for root in roots) > 1:
            raise CallError(
                "several Sigstore instances are named",
                fix="keep one of `--trusted-root`, `--trust-config` and `--staging`",
            )
        direct = self.identities or self.identity_globs or self.identity_regexes
        if direct and not self.issuer:
            raise CallError(
                "an identity is trusted, but not at which provider",
                why="the same name at another provider is somebody else",
                fix="name it with `--issuer`, for example `--issuer https://accounts.google.com`",
            )
        if self.issuer and not self._names_identities:
            raise CallError(
                "an issuer is trusted, but not for whom",
                why="everybody can log in there",
                fix="name the signer with `--identity` or `--identity-regex`",
            )
        rule = self.cert_subject or self.cert_san or self.cert_fingerprint or self.cert_any
        if rule and not self.cert_chains:
            raise CallError(
                "a certificate is named, but no authority",
                why="anybody can write any name into a certificate of their own",
                fix="name the authority's certificates with `--cert-chain FILE`",
            )

    def _clocks(self, named: Sequence["TrustFile"]) -> Clocks:
        chains = tuple(
            authority
            for path in self.tsa_chains
            for authority in _authorities(_read(path, "timestamp authority"), f"`{path}`")
        )
        clocks = Clocks(chains, self._root() if self._names_root else None)
        for one in named:
            clocks = clocks.joined(one.clocks)
        return clocks

    def _key_anchors(self, clocks: Clocks, listed: Sequence[KeyAnchor]) -> Iterator[Anchor]:
        """Yield each key that is named once; in the time that a trust file gives it, where one holds it."""
        named = (
            word if isinstance(word, PublicKey) else _public_key(word)
            for word in self.keys
            if isinstance(word, PublicKey) or not _FINGERPRINT.fullmatch(str(word))
        )
        for key in {key.fingerprint: key for key in named}.values():
            for entry in _entries_of(KeyAnchor(key), listed):
                yield replace(entry, clocks=clocks)

    def _successors(
        self, anchors: Sequence[Anchor], listed: Sequence[KeyAnchor], clocks: Clocks
    ) -> list[Anchor]:
        """Follow rotations from the keys that are trusted, in whatever order the files were named.

        A key that a trust file holds as well counts in the time that the file gives it.
        """
        known = [one for one in anchors if isinstance(one, KeyAnchor)]
        vetoes = [one for one in anchors if isinstance(one, Veto)]
        if self.rotations and not known:
            raise CallError(
                "a key rotation is named, but no key that hands over",
                fix="name the old public key with `--key`",
            )
        waiting = {path: _read(path, "key rotation") for path in self.rotations}
        found: list[Anchor] = []
        while waiting:
            followed = {
                path: _follow(known, vetoes, path, data, clocks) for path, data in waiting.items()
            }
            reached = [path for path, anchor in followed.items() if anchor]
            if not reached:
                raise _not_handed_over(next(iter(waiting)))
            reaching = [one for one in followed.values() if one and one.name not in _names(known)]
            fresh = [
                replace(entry, clocks=clocks, handed_over=one.handed_over)
                for one in reaching
                for entry in _entries_of(one, listed)
            ]
            known += fresh
            found += fresh
            waiting = {path: data for path, data in waiting.items() if path not in reached}
        return found

    def _certificate_anchors(self, clocks: Clocks) -> Iterator[Anchor]:
        if not self.cert_chains:
            return
        from weightmark.attestations.trust.certificates import (
            CertificateAnchor,
            CertificateRule,
            load_certificates,
        )

        rule = CertificateRule.parse(
            subject=self.cert_subject,
            name=self.cert_san,
            fingerprint=self.cert_fingerprint,
            anybody=self.cert_any,
        )
        pems = ((path, _read(path, "certificate chain")) for path in self.cert_chains)
        chain = tuple(one for path, pem in pems for one in load_certificates(pem, f"`{path}`"))
        yield CertificateAnchor(chain, rule, clocks=clocks)

    def _identity_anchors(self) -> Iterator[Anchor]:
        from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule

        root = self._root()
        for word in self.identities:
            rule = parse_rule(exact=word, issuer=self.issuer)
            yield IdentityAnchor(rule, root, exact=word)
        for word in self.identity_globs:
            yield IdentityAnchor(parse_rule(glob=word, issuer=self.issuer), root)
        for word in self.identity_regexes:
            yield IdentityAnchor(parse_rule(regex=word, issuer=self.issuer), root)
        if self.repository or self.owner or self.signer_workflow:
            from weightmark.attestations.trust.github import github_rule

            rule = github_rule(
                repository=self.repository,
                owner=self.owner,
                workflow=self.signer_workflow,
                issuer=self.issuer,
            )
            yield IdentityAnchor(rule, root)

    def _root(self) -> "Root":
        from weightmark.attestations.trust.roots import (
            built_in_root,
            parse_root,
            root_of_trust_config,
        )

        if self.trusted_root:
            data = _read(self.trusted_root, "trusted root")
            return parse_root(data, name=str(self.trusted_root))
        if self.trust_config:
            data = _read(self.trust_config, "trust configuration")
            return root_of_trust_config(data, name=str(self.trust_config))
        return built_in_root("staging" if self.staging else "public-good")


def _load_files(words: Sequence[str], directory: Path, artifact: Path | None) -> list["TrustFile"]:
    if not words:
        return []
    from weightmark.attestations.trust.trust_file import find_trust_file, load_trust_file

    return [load_trust_file(find_trust_file(word, directory), artifact=artifact) for word in words]


def _pick(named: Sequence["TrustFile"], fingerprints: Sequence[str]) -> list[Anchor]:
    """Return the keys of the trust files that are named by fingerprint."""
    anchors = [anchor for one in named for anchor in one.anchors if isinstance(anchor, KeyAnchor)]
    found: list[Anchor] = []
    for wanted in fingerprints:
        matching = [anchor for anchor in anchors if anchor.key.fingerprint == wanted]
        if not matching:
            raise CallError(
                f"no key with the fingerprint `sha256:{wanted}` is at hand",
                why="a fingerprint names a key and does not hold it",
                fix="name the key's file, or a trust file that holds it with `--trust`",
            )
        found += matching
    return found


def _public_key(word: AnyPath) -> PublicKey:
    if _KEY_URI.match(str(word)):
        raise CallError(
            f"the key `{_without_secrets(str(word))}` is a URI, and a URI is for signing",
            why="verifying takes the public key as a file, so that it needs neither token nor service",
            fix="`weightmark key show --public URI -o signer.pub` writes it; name that file with `--key`",
        )
    return PublicKey.load(word)


def _without_secrets(uri: str) -> str:
    """Leave out what may hold a PIN or a password: everything behind `?`, and what stands before `@`."""
    place, mark, _ = uri.partition("?")
    shown = _PIN.sub(r"\1…", _USER.sub(r"\1…@", place))[:200]
    return f"{shown}?…" if mark else shown


def _follow(
    known: Sequence[KeyAnchor], vetoes: Sequence[Veto], path: AnyPath, data: bytes, clocks: Clocks
) -> KeyAnchor | None:
    """Return the anchor of the key to which a trusted one hands over; None when none of them does.

    Of a rotation to a key that is trusted already, that key itself is returned.
    """
    from weightmark.attestations.predicates.key_rotation import KeyRotation

    try:
        rotation = KeyRotation.follow(Trust((*known, *vetoes)), data)
    except WeightmarkError as error:
        accepted = KeyRotation.accepted_by(Trust(tuple(known)), data)
        already = [one for one in known if one.key.fingerprint == accepted]
        if already or isinstance(error, WrongSignerError):
            return already[0] if already else None
        raise type(error)(f"`{path}`: {error.what}", why=error.why, fix=error.fix) from error
    said = f"`key:{rotation.old}` handed over to this key in `{path}`"
    return KeyAnchor(rotation.new, clocks=clocks, handed_over=said)


def _entries_of(anchor: KeyAnchor, listed: Sequence[KeyAnchor]) -> Sequence[KeyAnchor]:
    """Return the entries of trust files for a key; the anchor itself when no file holds it."""
    return [one for one in listed if one.key.fingerprint == anchor.key.fingerprint] or [anchor]


def _names(anchors: Sequence[Anchor]) -> set[str]:
    return {anchor.name for anchor in anchors}


def _not_handed_over(path: AnyPath) -> CallError:
    return CallError(
        f"`{path}` was not made by a key that you trust",
        why="a key hands over to the next by its own signature, and no trusted key made this one",
        fix="name the key that hands over with `--key`, and every rotation between it and this one with `--rotation`",
    )


def _read(path: AnyPath, what: str) -> bytes:
    return read_named(Path(path), what, limit=_MAX_FILE)


def _authorities(pem: bytes, what: str) -> "tuple[Authority, ...]":
    from weightmark.attestations.sigstore.timestamps import authorities_from_pem

    return authorities_from_pem(pem, what=what)
