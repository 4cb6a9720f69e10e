"""Content: what was read, compared with what trusted signers list."""

import posixpath
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.ignored_paths import IgnoredPaths, beneath_any, is_steering
from weightmark.attestations.predicates.oms import SILENT_IGNORES, OmsClaim
from weightmark.attestations.verifying.belief import Belief, BelievedManifest, BelievedSignature
from weightmark.attestations.verifying.evidence import SignatureFile
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.diff import Differences
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.links import LinkKind
from weightmark.provenance.manifest import SINGLE_FILE, Manifest
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import Reading
from weightmark.values import dataclass

__all__ = ["DETAILS_SHOWN", "Content"]

DETAILS_SHOWN = 100
"""lines of detail that one check holds at most"""


@dataclass(frozen=True)
class Content:
    """What was read of one artifact, ready to be compared."""

    artifact: Artifact
    """what was read"""
    signature: SignatureFile | None
    """the file that holds the model signature"""
    reading: Reading[Any]
    """its digests"""
    digests: str
    """the digests that count: `any`, `sha256` or `both`"""
    ignored: IgnoredPaths
    """what the caller asked to leave out"""
    ignore_unsigned: bool
    """whether the caller asked to forgive files that nobody signed; those that a loader could open stay"""
    left_out: frozenset[str] = frozenset()
    """files and folders that the signer of the model signature left out of it, by name"""

    def matches(self, manifests: Sequence[BelievedManifest]) -> tuple[BelievedManifest, ...]:
        """Return the claims that list exactly what was read, newest first."""
        return tuple(one for one in reversed(manifests) if self._fits(one))

    def manifest_check(
        self, manifests: Sequence[BelievedManifest], matches: Sequence[BelievedManifest]
    ) -> Check | None:
        """Say whether a trusted claim lists exactly what was read; if none, how the newest differs."""
        if not manifests:
            return None
        if not matches:
            newest = manifests[-1]
            if not self._listed(newest):
                return _nothing_left("manifest claim")
            return self._fail("manifest claim", self._differences(newest))
        links = any(match.claim.links for match in matches)
        return self._link_check(links) or self._pass(
            "manifest claim", len(self._listed(matches[0]))
        )

    def signature_check(
        self, signature: BelievedSignature, belief: Belief, *, matched: bool
    ) -> Check:
        """Compare what `model.sig` lists with what was read, directly or by the same signer's claim.

        `matched` tells whether a manifest claim, which gives BLAKE3 and SHA-256, holds the content.
        """
        oms = signature.oms
        if oms is None:
            reason = signature.unsupported.what if signature.unsupported else ""
            return _not_checked(reason)
        hidden = self._hidden_by(oms.ignore_paths)
        stand_ins = [one for one in reversed(belief.manifests) if belief.stands_in(one)]
        if stand_ins:
            results = [self._differences(one, covered=self._covered) for one in stand_ins]
            differences = next((one for one in results if not one), results[0])
        else:
            found = self._found(oms, matched=matched)
            if found is None:
                return _not_checked(
                    f"it gives {oms.algorithm} digests alone, and SHA-256 was asked for"
                )
            listed, found = self._same_names(oms.files, found)
            differences = Differences.between(*self._narrowed(listed, found))
        if differences or hidden:
            return self._fail("model signature", differences, hidden)
        count = len(oms.files)
        if self.ignored.names:
            count = sum(not self._leaves_out(path, oms.files) for path in oms.files)
        if not count:
            return _nothing_left("model signature")
        return self._link_check(oms.allow_symlinks) or self._pass("model signature", count)

    def unjudged(
        self, signature: BelievedSignature | None, matches: Sequence[BelievedManifest]
    ) -> tuple[str, ...]:
        """Return the paths that no verified list holds, or that the caller asked to leave out."""
        oms = signature.oms if signature else None
        if oms is None and not matches:
            return ()
        if not self.ignored.names and any(self._is_read(one.claim.manifest) for one in matches):
            return ()
        judged = {row.path for match in matches for row in match.claim.manifest.rows}
        if oms:
            judged |= {SINGLE_FILE} if self.artifact.single else oms.files.keys()
        paths = [file.entry.path for file in self.reading.files]
        if not self.ignored.names:
            return tuple(path for path in paths if path not in judged)
        return tuple(path for path in paths if path not in judged or self._leaves_out(path, judged))

    def empty_beside_shards(
        self, signature: BelievedSignature | None, uncovered: Collection[str]
    ) -> tuple[Check, ...]:
        """Refuse empty files that a loader goes by where only shards are signed: those list no empty file."""
        oms = signature.oms if signature else None
        if oms is None or oms.serialization.sharding is None:
            return ()
        empty = {file.path for file in self.reading.files if not file.size}
        found = sorted(
            path
            for path in empty.intersection(uncovered)
            if in_oms_set(path) and is_steering(path) and not self.ignored.covers(path)
        )
        return (_empty_check(found),) if found else ()

    @cached_property
    def _covered(self) -> frozenset[str]:
        """The OMS set: all but root git files and the very file that holds the signature."""
        own = _own_paths(self.artifact, self.signature)
        paths = (file.path for file in self.reading.files)
        return frozenset(path for path in paths if in_oms_set(path) and path not in own)

    @cached_property
    def _read_content(self) -> dict[str, str]:
        return _content_of(self.reading.manifest())

    def _covers_all(self, covered: Collection[str] | None) -> bool:
        """Tell whether `covered` leaves out nothing but what OMS leaves out by name."""
        return covered is None or not _own_paths(self.artifact, self.signature)

    def _found(self, oms: OmsClaim, *, matched: bool) -> dict[str, str] | None:
        """Return the digests of the OMS set; None when they were not read or do not count."""
        without_sha256 = oms.algorithm != "sha256"
        if without_sha256 and (
            self.digests == "sha256" or (self.digests == "both" and not matched)
        ):
            return None
        return oms.found(
            {file.path: file for file in self.reading.files if file.path in self._covered}
        )

    def _narrowed(
        self, listed: Mapping[str, str], found: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Take out of both sides what the caller asked to leave out, but for what is signed."""
        if self.ignore_unsigned:
            found = {
                path: digest
                for path, digest in found.items()
                if path in listed or path not in self.ignored.harmless
            }
        if not self.ignored.names:
            return dict(listed), dict(found)
        out = {path for path in (*listed, *found) if self._leaves_out(path, listed)}
        return (
            {path: digest for path, digest in listed.items() if path not in out},
            {path: digest for path, digest in found.items() if path not in out},
        )

    def _leaves_out(self, path: str, listed: Container[str]) -> bool:
        """Tell whether the caller asked to leave the file out, and it is not signed.

        A signed file is compared all the same: to leave it out would accept whatever stands there.
        It may be left out where its signer, too, left it out of the model signature.
        """
        if not self.ignored.covers(path):
            return False
        return path not in listed or beneath_any(path, self.left_out) is not None

    def _listed(self, believed: BelievedManifest) -> list[str]:
        paths = [row.path for row in believed.claim.manifest.rows]
        if not self.ignored.names:
            return paths
        signed = frozenset(paths)
        return [path for path in paths if not self._leaves_out(path, signed)]

    def _fits(self, believed: BelievedManifest) -> bool:
        return bool(self._listed(believed)) and not self._differences(believed)

    def _same_names(
        self, listed: Mapping[str, str], found: dict[str, str]
    ) -> tuple[Mapping[str, str], dict[str, str]]:
        """Let both sides name a single file alike: the reference writes `.`, the specification its name."""
        if SINGLE_FILE in found and SINGLE_FILE not in listed:
            return listed, {self.artifact.name: found[SINGLE_FILE]}
        return listed, found

    def _differences(
        self, believed: BelievedManifest, covered: Collection[str] | None = None
    ) -> Differences:
        """Compare by every digest that counts; the first that differs is returned."""
        if self._covers_all(covered) and self._is_equal(believed):
            return Differences(())
        pairs: list[tuple[Mapping[str, str], Mapping[str, str]]] = []
        if self.digests in ("any", "both"):
            pairs.append((_content_of(believed.claim.manifest), self._read_content))
        if self.digests in ("sha256", "both"):
            pairs.append((believed.claim.sha256, self.reading.sha256))
        if covered is not None:
            pairs = [
                (
                    {path: digest for path, digest in signed.items() if in_oms_set(path)},
                    {path: digest for path, digest in found.items() if path in covered},
                )
                for signed, found in pairs
            ]
        results = [Differences.between(*self._narrowed(*pair)) for pair in pairs]
        return next((result for result in results if result), results[0])

    def _is_equal(self, believed: BelievedManifest) -> bool:
        """Tell whether every digest that counts is equal for every file."""
        manifest, sha256 = believed.claim.manifest, believed.claim.sha256
        by_blake3 = self.digests == "sha256" or self._is_read(manifest)
        return by_blake3 and (self.digests == "any" or sha256 == self.reading.sha256)

    def _is_read(self, manifest: Manifest) -> bool:
        """Tell whether the whole manifest was read; by SHA-256 alone, as of an address, there is none to compare."""
        return self.digests != "sha256" and manifest.identity == self.reading.manifest().identity

    def _hidden_by(self, ignore_paths: Sequence[str]) -> dict[str, str]:
        """Return the files that a recorded ignore hides, and by which; our own ignores hide nothing."""
        plain = {posixpath.normpath(pattern): pattern for pattern in ignore_paths}
        names = frozenset(plain) - SILENT_IGNORES
        if not names:
            return {}
        forgiven = self.ignored.harmless if self.ignore_unsigned else frozenset()
        hidden: dict[str, str] = {}
        for path in self._covered:
            place = "." if "." in names else beneath_any(path, names)
            if place is not None and path not in forgiven and not self.ignored.covers(path):
                hidden[path] = plain[place]
        return hidden

    def _link_check(self, allowed: bool) -> Check | None:
        links = [entry.path for entry in self.artifact.entries if entry.link is LinkKind.INSIDE]
        if allowed or not links:
            return None
        details = tuple(
            f"`{escape_path(path)}` is a link now: it was a plain file when it was signed"
            for path in links[:DETAILS_SHOWN]
        )
        return Check(
            "links",
            Outcome.FAIL,
            f"{counted(len(links), 'file')} became a link",
            "the signer recorded no links",
            "replace the link by the file",
            details,
            "became-a-link",
        )

    @staticmethod
    def _pass(name: str, count: int) -> Check:
        return Check(name, Outcome.PASS, f"{counted(count, 'file')} as signed")

    def _fail(
        self, name: str, differences: Differences, hidden: Mapping[str, str] | None = None
    ) -> Check:
        hidden = hidden or {}
        details = list(_describe(differences, hidden))
        count = len(details)
        if count > DETAILS_SHOWN:
            details[DETAILS_SHOWN:] = [f"… and {count - DETAILS_SHOWN} more"]
        extra = [change.path for change in differences.changes if change.kind == "extra"]
        only_extra = len(extra) == len(differences.changes)
        if hidden and only_extra and hidden.keys() >= set(extra):
            return _hidden_check(name, len(hidden), details)
        if only_extra and self.ignore_unsigned:
            return _loadable_check(name, count, details)
        return Check(
            name,
            Outcome.FAIL,
            f"{counted(count, 'file')} {'differs' if count == 1 else 'differ'} from what was signed",
            "the content is not what the signer vouched for",
            "get the artifact again from the publisher, or ask for a new signature",
            tuple(details),
            "unsigned-file" if only_extra else "tampered",
        )


def _content_of(manifest: Manifest) -> dict[str, str]:
    return {row.path: f"{row.blake3} {row.size}" for row in manifest.rows}


def _empty_check(paths: Sequence[str]) -> Check:
    return Check(
        "signature",
        Outcome.FAIL,
        f"{counted(len(paths), 'empty file')} that nobody signed",
        "a signature over shards lists no empty files, and a loader could go by these: anybody could have added them",
        "remove them, name them with `--ignore-paths` if they belong there, or ask the publisher for a signature over whole files",
        tuple(f"`{escape_path(path)}`" for path in paths[:DETAILS_SHOWN]),
        "tampered",
    )


def _loadable_check(name: str, count: int, details: Sequence[str]) -> Check:
    """Say that files were added that are not forgiven; nothing else is wrong."""
    return Check(
        name,
        Outcome.FAIL,
        f"{counted(count, 'file')} that a loader could open {'was' if count == 1 else 'were'} not signed",
        "`--ignore-unsigned-files` forgives only what no loader takes for a part of a model",
        "remove it, or leave it out by its own name with `--ignore-paths`",
        tuple(details),
        "unsigned-file",
    )


def _hidden_check(name: str, count: int, details: Sequence[str]) -> Check:
    """Say that files stand where the signer had nothing judged; nothing else is wrong."""
    return Check(
        name,
        Outcome.FAIL,
        f"{counted(count, 'file')} {'stands' if count == 1 else 'stand'} where the signature judges nothing",
        "anybody could put a file there, and the signature would still hold",
        "remove it, or accept it by name with `--ignore-paths`",
        tuple(details),
        "hidden-by-ignore",
    )


def _describe(differences: Differences, hidden: Mapping[str, str]) -> Iterator[str]:
    for change in differences.changes:
        if change.kind != "extra" or change.path not in hidden:
            yield str(change)
    for path in sorted(hidden):
        yield f"`{escape_path(path)}` is not judged by its signature: the signer asked to ignore `{escape_path(hidden[path])}`"


def _own_paths(artifact: Artifact, signature: SignatureFile | None) -> frozenset[str]:
    """Return the path of the very file that the caller named as signature, if it lies in the tree.

    Another name of the same bytes (a hard link) is content like everything else.
    """
    if signature is None or signature.file_id == (0, 0):
        return frozenset()
    place = signature.path.parent.resolve() / signature.path.name
    names = {place, Path(signature.path).resolve()}
    return frozenset(
        entry.path
        for entry in artifact.entries
        if (entry.device, entry.inode) == signature.file_id and artifact.path / entry.path in names
    )


def _not_checked(reason: str) -> Check:
    return Check(
        "model signature",
        Outcome.UNCHECKED,
        "signature valid, content not checked",
        reason,
        code="content-not-checked",
    )


def _nothing_left(name: str) -> Check:
    return Check(
        name,
        Outcome.NOTHING,
        "every file that was signed is left out",
        "`--ignore-paths` leaves nothing to compare",
        "leave out fewer paths",
        code="nothing-left",
    )
