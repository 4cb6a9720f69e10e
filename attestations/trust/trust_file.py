"""Trust files: whom a team trusts, in TOML; strict, versioned, every key known (docs/formats/trust.md)."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.outside import require_outside
from weightmark.attestations.sigstore.timestamps import authorities_from_pem
from weightmark.attestations.spelling import nearest
from weightmark.attestations.strict_toml import Table
from weightmark.attestations.trust.certificates import (
    CertificateAnchor,
    CertificateRule,
    load_certificates,
)
from weightmark.attestations.trust.clocks import Clocks
from weightmark.attestations.trust.demands import Demands, Witness
from weightmark.attestations.trust.github import github_rule
from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
from weightmark.attestations.trust.interface import Anchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.roots import (
    BUILT_IN_ROOTS,
    Root,
    built_in_root,
    parse_root,
)
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import CallError, SettingsError, WeightmarkError
from weightmark.provenance.sidecars import read_bounded
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = [
    "ANCHOR_KINDS",
    "TRUST_FILE_VERSION",
    "TrustFile",
    "find_trust_file",
    "is_trust_file",
    "load_trust_file",
    "parse_trust_file",
    "parse_trust_tables",
]

TRUST_FILE_VERSION = 1
"""the value of `version`"""
MAX_TRUST_FILE = 1024 * 1024
_MAX_ENTRIES = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEFAULT_ROOT = "public-good"

_SUBJECTS = ("identity", "identity_glob", "identity_regex")
_GITHUB = ("repository", "owner", "signer_workflow")

ANCHOR_KINDS: Mapping[type[Anchor], str] = MappingProxyType(
    {KeyAnchor: "keys", CertificateAnchor: "certificates", IdentityAnchor: "identities"}
)
"""the table of a trust file that holds each kind of anchor"""

FileReader = Callable[[str], bytes]
"""reads a file that the trust file names"""


@dataclass(frozen=True)
class TrustFile:
    """A trust file, read to the last key."""

    source: str
    """path of the file, for people"""
    sha256: str
    """of its text, lowercase hex"""
    anchors: tuple[Anchor, ...]
    """keys, then certificates, then identities, in the order of the file"""
    roots: tuple[Root, ...]
    """trusted roots that it names, in the order of the file"""
    clocks: Clocks
    """who may prove when a signature by key or certificate was made"""
    witnesses: tuple[Witness, ...] = ()
    """who may cosign logs, in the order of the file"""
    cosignatures: int = 0
    """how many of them must have seen each log that is asked for"""
    named: Mapping[str, str] = field(default_factory=dict)
    """files that it names, as it names them, with the SHA-256 of each, lowercase hex"""


def is_trust_file(word: str) -> bool:
    """Tell whether `--trust` names a file rather than a name in the user's configuration."""
    return "/" in word or os.sep in word or word.endswith(".toml")


def find_trust_file(word: str, directory: Path) -> Path:
    """Return the file that `--trust` names: a path, or `NAME.toml` in `directory`, and nowhere else.

    `directory` is `trust` in the user's configuration. Raises `CallError` for no such name.
    """
    if is_trust_file(word):
        return Path(word)
    if not _NAME.fullmatch(word):
        raise CallError(f"`{word[:100]}` is no name of a trust file", fix="name a file as `./FILE`")
    path = directory / f"{word}.toml"
    if path.is_file():
        return path
    known = sorted(one.stem for one in directory.glob("*.toml")) if directory.is_dir() else []
    near = nearest(word, known)
    raise CallError(
        f"there is no trust file `{word}`",
        why=f"looked for `{path}`",
        fix=f"did you mean `{near}`?"
        if near
        else f"make it with `weightmark trust add {word} --key release.pub`, or name a file as `./FILE`",
    )


def load_trust_file(path: Path, *, artifact: Path | None = None) -> TrustFile:
    """Read a trust file; files that it names are relative to it. Raises `SettingsError` or `CallError`.

    Neither it nor a file that it names may lie in the `artifact` that is judged by it.
    """
    if artifact is not None:
        require_outside(artifact, path, "the trust file")
    try:
        text = read_bounded(path, limit=MAX_TRUST_FILE)
    except WeightmarkError as error:
        raise CallError(
            f"no trust file can be read from `{path}`", why=error.what, fix="check the path"
        ) from error

    named: dict[str, str] = {}

    def read(name: str) -> bytes:
        place = path.parent / name
        if artifact is not None:
            require_outside(artifact, place, "a file that the trust file names,")
        try:
            content = read_bounded(place, limit=MAX_TRUST_FILE)
        except WeightmarkError as error:
            raise SettingsError(
                f"the trust file `{path}` names `{name[:200]}`, which can't be read",
                why=error.what,
                fix="correct the path; it is relative to the trust file",
            ) from error
        named[name] = hashlib.sha256(content).hexdigest()
        return content

    return replace(parse_trust_file(text, source=str(path), read=read), named=named)


def parse_trust_file(text: bytes, *, source: str, read: FileReader) -> TrustFile:
    """Parse a trust file strictly; raises `SettingsError`, or `UncheckedError` for what can't be used here."""
    fields = Table(
        _parse_toml(text, source),
        document=f"the trust file `{source}`",
        help_page="docs/formats/trust.md",
        error=SettingsError,
    )
    _check_version(fields, source)
    return _Reader(source, read).read(fields, hashlib.sha256(text).hexdigest())


def parse_trust_tables(
    tables: Mapping[str, object], *, document: str, read: FileReader
) -> TrustFile:
    """Read `identities` and `certificates` as they stand in a trust file from another `document`; raises as `parse_trust_file`."""
    fields = Table(
        tables, document=document, help_page="docs/formats/trust.md", error=SettingsError
    )
    return _Reader(document, read).read(fields, "")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the entries of one trust file."""

    source: str
    read_file: FileReader

    def read(self, fields: Table, digest: str) -> TrustFile:
        thresholds = fields.table("thresholds")
        named = [
            (one, Witness.parse(name, one)) for name, one in self._entries(fields, "witnesses")
        ]
        wanted = Demands.parse(thresholds, named)
        roots = {name: self._root(name, one) for name, one in self._entries(fields, "roots")}
        authorities = tuple(
            authority
            for name, one in self._entries(fields, "timestamp_authorities")
            for authority in authorities_from_pem(
                self._pem(one), what=f"the timestamp authority `{name}` of the trust file"
            )
        )
        log_root = fields.text("log_root", "")
        root = self._named_root(fields, "log_root", log_root, roots) if log_root else None
        clocks = Clocks(
            authorities,
            root,
            wanted.timestamps,
            wanted.logs or 0,
            wanted.cosignatures,
            wanted.witnesses,
        )
        anchors: list[Anchor] = [
            self._key(name, one, clocks) for name, one in self._entries(fields, "keys")
        ]
        _refuse_doubles(self.source, anchors)
        anchors += [
            self._certificate(name, one, clocks)
            for name, one in self._entries(fields, "certificates")
        ]
        identities = [
            self._identity(name, one, roots, wanted)
            for name, one in self._entries(fields, "identities")
        ]
        fields.finish()
        asked = [clocks.logs, *(one.thresholds.log_entries for one in identities)]
        wanted.require_use(thresholds, asked)
        return TrustFile(
            self.source,
            digest,
            (*anchors, *identities),
            tuple(roots.values()),
            clocks,
            tuple(witness for _, witness in named),
            wanted.cosignatures,
        )

    def _entries(self, fields: Table, kind: str) -> list[tuple[str, Table]]:
        table = fields.table(kind)
        names = table.names()
        if len(names) > _MAX_ENTRIES:
            raise table.wrong("*", f"a table of at most {_MAX_ENTRIES} entries")
        for name in names:
            if not _NAME.fullmatch(name):
                raise table.wrong(name[:100], "named by letters, digits, `.`, `_` and `-`")
        return [(name, table.table(name)) for name in names]

    def _key(self, name: str, entry: Table, clocks: Clocks) -> KeyAnchor:
        validity = _parse_validity(entry)
        fingerprint = entry.text("fingerprint", "")
        pem = self._pem(entry)
        key = PublicKey.from_pem(pem, what=f"the key `{name}` of the trust file")
        wanted = fingerprint.removeprefix("sha256:").removeprefix("key:")
        if fingerprint and wanted != key.fingerprint:
            raise entry.wrong(
                "fingerprint", f"that of the key, which is `sha256:{key.fingerprint}`"
            )
        return KeyAnchor(key, validity, clocks, name)

    def _certificate(self, name: str, entry: Table, clocks: Clocks) -> CertificateAnchor:
        validity = _parse_validity(entry)
        said: dict[str, Any] = {
            "subject": entry.text("subject", ""),
            "name": entry.text("san", ""),
            "fingerprint": entry.text("fingerprint", ""),
            "anybody": entry.flag("any", default=False),
        }
        pem = self._pem(entry)
        try:
            rule = CertificateRule.parse(**said)
        except CallError as error:
            raise SettingsError(
                f"`certificates.{name}` of the trust file: {error.what}",
                why=error.why,
                fix="set `subject`, `san` or `fingerprint`, or `any = true`",
            ) from error
        chain = load_certificates(pem, f"`certificates.{name}` of the trust file")
        return CertificateAnchor(chain, rule, validity, clocks, name)

    def _identity(
        self, name: str, entry: Table, roots: dict[str, Root], asked: Demands
    ) -> IdentityAnchor:
        validity = _parse_validity(entry)
        root = self._named_root(entry, "root", entry.text("root", _DEFAULT_ROOT), roots)
        extensions = entry.table("extensions")
        others = {key: extensions.text(key, "") for key in extensions.names()}
        said = {key: entry.text(key, "") for key in _SUBJECTS}
        github = {key: entry.text(key, "") for key in _GITHUB}
        issuer = entry.text("issuer", "")
        entry.finish()
        try:
            if any(github.values()) and not any(said.values()):
                rule = github_rule(
                    repository=github["repository"],
                    owner=github["owner"],
                    workflow=github["signer_workflow"],
                    issuer=issuer,
                    extensions=others,
                )
            elif any(github.values()):
                raise entry.wrong("repository", "set alone: it stands beside an identity")
            else:
                rule = parse_rule(
                    exact=said["identity"],
                    glob=said["identity_glob"],
                    regex=said["identity_regex"],
                    issuer=issuer,
                    extensions=others,
                )
        except SettingsError:
            raise
        except CallError as error:
            raise SettingsError(
                f"`identities.{name}` of the trust file: {error.what}",
                why=error.why,
                fix="set `issuer`, and one of `identity`, `identity_glob`, `identity_regex` and `repository`",
            ) from error
        return IdentityAnchor(
            rule,
            root,
            asked.logs,
            asked.timestamps,
            validity,
            name,
            said["identity"],
            asked.cosignatures,
            asked.witnesses,
        )

    def _root(self, name: str, entry: Table) -> Root:
        if name in BUILT_IN_ROOTS:
            raise entry.wrong("file", f"needed: `{name}` comes with weightmark")
        pinned = entry.text("sha256", "").removeprefix("sha256:")
        file = entry.text("file", "")
        profile = entry.text("profile", "sigstore")
        entry.finish()
        if not file:
            raise entry.wrong("file", "the path of a trusted root")
        return parse_root(self.read_file(file), name=name, profile=profile, pinned=pinned)

    def _named_root(self, entry: Table, key: str, name: str, roots: dict[str, Root]) -> Root:
        if name in roots:
            return roots[name]
        if name in BUILT_IN_ROOTS:
            return built_in_root(name)
        known = ", ".join(f"`{one}`" for one in (*roots, *BUILT_IN_ROOTS))
        raise entry.wrong(key, f"a root that is known here: {known}")

    def _pem(self, entry: Table) -> bytes:
        """Return the PEM text in an entry, or in the file that it names; it is the entry's last field."""
        file, text = entry.text("file", ""), entry.text("pem", "")
        entry.finish()
        if bool(file) == bool(text):
            raise entry.wrong("file", "set alone: one of `file` and `pem` is needed")
        return self.read_file(file) if file else text.encode()


def _refuse_doubles(source: str, keys: Sequence[Anchor]) -> None:
    """Refuse two entries for one key: what is revoked in one would count by the other."""
    seen: dict[str, str] = {}
    for anchor in keys:
        first = seen.setdefault(anchor.name, anchor.label)
        if first != anchor.label:
            raise SettingsError(
                f"`keys.{anchor.label}` of the trust file `{source}` holds the key of `keys.{first}` once more",
                why="what is revoked in one of two entries would count by the other",
                fix="keep one of them",
            )


def _parse_toml(text: bytes, source: str) -> dict[str, Any]:
    try:
        return parse_toml(text)
    except TomlError as error:
        raise SettingsError(
            f"the trust file `{source}` is not TOML",
            why=str(error),
            fix="correct that line",
        ) from error


def _check_version(fields: Table, source: str) -> None:
    if not fields.has("version"):
        raise SettingsError(
            f"the trust file `{source}` has no version",
            why="a file of another format would trust nobody, or somebody else",
            fix=f"begin it with `version = {TRUST_FILE_VERSION}`",
        )
    version = fields.count("version", 0, limit=2**31)
    if version != TRUST_FILE_VERSION:
        raise SettingsError(
            f"the trust file `{source}` is of version {version}",
            why=f"this weightmark reads version {TRUST_FILE_VERSION}",
        )


def _parse_validity(entry: Table) -> Validity:
    validity = Validity(
        entry.moment("not_before"),
        entry.moment("not_after", end_of_day=True),
        entry.moment("revoked"),
        entry.text("reason", ""),
    )
    begin, end = validity.not_before, validity.not_after
    if begin and end and end < begin:
        raise entry.wrong("not_after", "later than `not_before`")
    if validity.reason and not validity.revoked:
        raise entry.wrong("reason", "given without the date in `revoked`")
    return validity
