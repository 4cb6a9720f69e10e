"""From what a caller names, flag by flag or word by word, to those who sign."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from weightmark.attestations.keys import Passphrase, PrivateKey, SigningKey
from weightmark.attestations.keys.schemes import PKCS11, scheme_of
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError, NetworkError
from weightmark.provenance.sidecars import read_named
from weightmark.values import dataclass

__all__ = ["SignerChoice"]

AnyKey = str | os.PathLike[str] | PrivateKey
AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class SignerChoice:
    """Who signs, in the caller's words; what is empty was not said."""

    keys: tuple[AnyKey, ...] = ()
    """private keys: files, URIs, or keys in memory; the first makes `model.sig`"""
    passphrase: Passphrase | None = None
    """asked with the name of a key file or a token for its passphrase or PIN"""
    passphrase_file: AnyPath | None = None
    """where the passphrase lies, if in a file: it must not be part of the artifact"""
    pq_key: AnyKey | None = None
    """an ML-DSA-65 key that signs as well"""
    signing_cert: AnyPath | None = None
    """PEM file with the certificate of the only key"""
    cert_chain: tuple[AnyPath, ...] = ()
    """PEM files with the authorities of the certificate, its issuer first"""
    pkcs11_module: AnyPath | None = None
    """library of the token, when its URI names none"""
    tsa_urls: tuple[str, ...] = ()
    """time-stamping authorities (RFC 3161), each asked about each signature"""
    tsa_chains: tuple[AnyPath, ...] = ()
    """PEM files, each with the chain of one time-stamping authority: other timestamps are refused"""
    require_timestamp: bool = False
    """whether a signature without a timestamp is an error"""
    keyless: Callable[[], Signer] | None = None
    """makes the signer who signs by an identity in place of a key; called when nothing contradicts it"""

    @property
    def is_empty(self) -> bool:
        """Whether neither a key nor an identity is named."""
        return not self.keys and self.keyless is None

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Every file with a key, a passphrase or a PIN; none of them may be part of a release."""
        from weightmark.attestations.keys.opening import secret_file_of

        words = [*self.keys, self.pq_key]
        named = [os.fspath(word) for word in words if word and not isinstance(word, PrivateKey)]
        found = [path for path in map(secret_file_of, named) if path]
        return (*found, *([Path(self.passphrase_file)] if self.passphrase_file else []))

    def load(self, *, offline: bool = False) -> tuple[Signer, ...]:
        """Return the signers in their order; empty when nobody is named.

        Raises `CallError` for what does not go together, `NetworkError` when `offline` forbids what
        a signer needs, and what keys and certificates raise.
        """
        self._check()
        if self.is_empty:
            return ()
        first = (self.keyless(),) if self.keyless else tuple(self._by_keys(offline=offline))
        return (*first, *self._post_quantum(offline=offline))

    def _by_keys(self, *, offline: bool) -> Iterator[Signer]:
        from weightmark.attestations.signers.certificate import CertificateSigner
        from weightmark.attestations.signers.key import KeySigner

        for word in self.keys:
            key = self._open(word, offline=offline)
            signer: Signer = KeySigner(key)
            if self.signing_cert:
                signer = CertificateSigner.load(
                    key, self.signing_cert, self.cert_chain, timestamped=bool(self.tsa_urls)
                )
            yield self._timestamped(signer, offline=offline)

    def _post_quantum(self, *, offline: bool) -> Iterator[Signer]:
        from weightmark.attestations.keys.kinds import POST_QUANTUM
        from weightmark.attestations.signers.key import KeySigner

        if self.pq_key is None:
            return
        key = self._open(self.pq_key, offline=offline)
        if key.public.kind != POST_QUANTUM:
            held = isinstance(self.pq_key, PrivateKey)
            name = "the post-quantum key" if held else f"`{self.pq_key}`"
            raise CallError(
                f"{name} is of the type {key.public.kind}, which a quantum computer breaks",
                fix="make one with `weightmark key generate --type ml-dsa-65`, or sign with this one by `--key`",
            )
        yield self._timestamped(KeySigner(key), offline=offline)

    def _timestamped(self, signer: Signer, *, offline: bool) -> Signer:
        if not self.tsa_urls:
            return signer
        from weightmark.attestations.making.timestamping import TimestampClient
        from weightmark.attestations.signers.timestamped import TimestampedSigner
        from weightmark.attestations.sigstore.timestamps import authorities_from_pem

        pems = [(f"`{one}`", read_named(Path(one), "certificate")) for one in self.tsa_chains]
        chains = tuple(one for what, pem in pems for one in authorities_from_pem(pem, what=what))
        authorities = TimestampClient(tuple(dict.fromkeys(self.tsa_urls)), chains=chains)
        if offline:
            raise NetworkError(
                "a timestamp needs the network, and `--offline` forbids it",
                fix="leave `--offline` out, or sign without `--tsa-url`",
            )
        return TimestampedSigner(signer, authorities)

    def _open(self, word: AnyKey, *, offline: bool) -> SigningKey:
        if isinstance(word, PrivateKey):
            return word
        from weightmark.attestations.keys.opening import open_private_key

        return open_private_key(
            os.fspath(word), self.passphrase, pkcs11_module=self.pkcs11_module, offline=offline
        )

    def _check(self) -> None:
        if self.keys and self.keyless:
            raise CallError(
                "a key and a keyless signer are both named",
                why="which of them signs can't be guessed",
                fix="sign with one of them, and add the other with `sign --add`",
            )
        if self.cert_chain and not self.signing_cert:
            raise CallError(
                "`--cert-chain` needs `--signing-cert`",
                fix="name the certificate of the key with `--signing-cert FILE`",
            )
        if self.signing_cert and len(self.keys) != 1:
            raise CallError(
                f"`--signing-cert` goes with one key, and {len(self.keys)} are named",
                fix="name the key of the certificate with `--key`; add other signers with `sign --add`",
            )
        if self.pkcs11_module and not any(_is_in_token(key) for key in self.keys):
            raise CallError(
                "`--pkcs11-module` needs a key in a token",
                fix="name it with `--key 'pkcs11:token=NAME;object=LABEL'`",
            )
        self._check_time()

    def _check_time(self) -> None:
        if self.tsa_chains and not self.tsa_urls:
            raise CallError(
                "`--tsa-chain` needs `--tsa-url`",
                why="there are no other timestamps than those that an authority is asked for",
                fix="name the authority with `--tsa-url URL`",
            )
        if self.tsa_urls and not self.keys:
            raise CallError(
                "`--tsa-url` goes with `--key`",
                why="keyless signatures are timestamped by the authority of their Sigstore instance",
                fix="leave it out, or sign with a key",
            )
        if self.require_timestamp and self.keys and not self.tsa_urls:
            raise CallError(
                "a timestamp is required, and no authority is named",
                fix="name one with `--tsa-url URL`",
            )


def _is_in_token(word: AnyKey) -> bool:
    return not isinstance(word, PrivateKey) and scheme_of(os.fspath(word)) == PKCS11
