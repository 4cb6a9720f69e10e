"""Policies about witnesses: who must have cosigned a checkpoint (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

Names are octets without meaning; they are compared as they stand.
"""

from collections.abc import Iterable, Iterator, Mapping

from weightmark.errors import LimitError, MalformedError, PolicyError
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier
from weightmark.values import dataclass

__all__ = ["MAX_POLICY_SIZE", "Group", "KnownLog", "TlogPolicy", "Witness", "parse_policy"]

MAX_POLICY_SIZE = 1024 * 1024
"""bytes"""
_MAX_DEFINITIONS = 1000
_MAX_DIGITS = 4
_ALLOWED = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
_NOBODY = b"none"


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log whose checkpoints the policy accepts."""

    verifier: NoteVerifier
    """its key; the key's name is its origin"""
    url: str
    """where it is; empty when the policy does not say"""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness whose cosignatures count."""

    name: bytes
    """how quorum and groups call it"""
    verifier: WitnessVerifier
    """its key"""
    url: str
    """its submission prefix; empty when the policy does not say"""


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these members must have cosigned."""

    name: bytes
    """how quorum and later groups call it"""
    threshold: int
    """1 up to the number of members"""
    members: tuple[bytes, ...]
    """names of witnesses and of groups defined before"""


@dataclass(frozen=True, slots=True)
class TlogPolicy:
    """Which logs, which witnesses, and which of them suffice."""

    logs: tuple[KnownLog, ...]
    """any of them may have signed; empty when the caller knows the log"""
    witnesses: tuple[Witness, ...]
    """in the order of the file"""
    groups: tuple[Group, ...]
    """in the order of the file: members stand before"""
    quorum: bytes | None
    """a witness or a group; None when no cosignature is asked for"""

    def is_met_by(self, cosigners: Iterable[WitnessVerifier]) -> bool:
        """Return whether these keys make the quorum; `quorum none` asks for nobody."""
        if self.quorum is None:
            return True
        keys = set(cosigners)
        saw = {one.name for one in self.witnesses if one.verifier in keys}
        for group in self.groups:
            if sum(member in saw for member in group.members) >= group.threshold:
                saw.add(group.name)
        return self.quorum in saw


def parse_policy(data: bytes) -> TlogPolicy:
    """Read a policy file strictly.

    Raises `PolicyError` with the line that is wrong, `UnsupportedError` for keys of other types, and
    `LimitError`.
    """
    if len(data) > MAX_POLICY_SIZE:
        raise LimitError(f"the witness policy is over {MAX_POLICY_SIZE} bytes")
    if data.translate(None, _ALLOWED):
        raise PolicyError("the witness policy holds control characters")
    if not data.endswith(b"\n"):
        raise PolicyError(
            "the witness policy does not end in a newline", why="it may have been cut off"
        )
    reader = _Reader()
    for number, words in _statements(data):
        try:
            reader.take(words)
        except (MalformedError, PolicyError) as error:
            raise PolicyError(
                f"line {number} of the witness policy: {error.what}", why=error.why, fix=error.fix
            ) from error
    return reader.policy()


def _statements(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    count = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        words = [word for word in line.replace(b"\t", b" ").split(b" ") if word]
        if words and not words[0].startswith(b"#"):
            count += 1
            if count > _MAX_DEFINITIONS:
                raise LimitError(f"the witness policy has more than {_MAX_DEFINITIONS} lines")
            yield number, words


class _Reader:
    """Takes one line after the other."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: bytes | None = None
        self._has_quorum = False
        self._names: set[bytes] = set()
        self._grouped: set[bytes] = set()

    def take(self, words: list[bytes]) -> None:
        """Take one line, as words."""
        keyword, *rest = words
        takers = {
            b"log": self._log,
            b"witness": self._witness,
            b"group": self._group,
            b"quorum": self._set_quorum,
        }
        if keyword not in takers:
            raise PolicyError(
                f"`{_shown(keyword)}` is no keyword", fix="use `log`, `witness`, `group`, `quorum`"
            )
        takers[keyword](rest)

    def policy(self) -> TlogPolicy:
        """Return what was read; raises `PolicyError` without a quorum."""
        if not self._has_quorum:
            raise PolicyError(
                "the witness policy has no quorum line",
                fix="say `quorum NAME`, or `quorum none` if no witness is asked for",
            )
        own = {one.verifier.public_key for one in self._logs}
        for witness in self._witnesses:
            if witness.verifier.public_key in own:
                raise PolicyError(
                    f"the witness `{_shown(witness.name)}` has the key of a log",
                    why="a log that vouches for itself is no witness",
                )
        return TlogPolicy(
            tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum
        )

    def _log(self, words: list[bytes]) -> None:
        vkey, url = _between(words, 1, 2, "log <vkey> [<url>]")
        verifier = NoteVerifier.parse(_text(vkey))
        if any(verifier.public_key == one.verifier.public_key for one in self._logs):
            raise PolicyError(f"the log key of `{verifier.name}` stands here twice")
        self._logs.append(KnownLog(verifier, _text(url)))

    def _witness(self, words: list[bytes]) -> None:
        name, vkey, url = _between(words, 2, 3, "witness <name> <vkey> [<url>]")
        verifier = WitnessVerifier.parse(_text(vkey))
        if any(verifier.public_key == one.verifier.public_key for one in self._witnesses):
            raise PolicyError(
                f"the key of the witness `{_shown(name)}` stands here twice",
                why="one witness under two names would count as two",
            )
        self._define(name)
        self._witnesses.append(Witness(name, verifier, _text(url)))

    def _group(self, words: list[bytes]) -> None:
        if len(words) < 3:  # noqa: PLR2004 - name, threshold and one member
            raise PolicyError("a group is written `group <name> all|any|<k> <member>...`")
        name, threshold, *members = words
        for member in members:
            if member not in self._names:
                raise PolicyError(f"`{_shown(member)}` is not defined before it is used")
            if member in self._grouped:
                raise PolicyError(
                    f"`{_shown(member)}` is a member twice",
                    why="each witness counts in one way only",
                )
            self._grouped.add(member)
        self._define(name)
        self._groups.append(Group(name, _threshold(threshold, len(members)), tuple(members)))

    def _set_quorum(self, words: list[bytes]) -> None:
        if len(words) != 1 or self._has_quorum:
            raise PolicyError("there is exactly one `quorum <name>|none`")
        (name,) = words
        if name != _NOBODY and name not in self._names:
            raise PolicyError(f"the quorum `{_shown(name)}` is not defined before it is used")
        self._quorum = None if name == _NOBODY else name
        self._has_quorum = True

    def _define(self, name: bytes) -> None:
        if name == _NOBODY or name in self._names:
            raise PolicyError(f"the name `{_shown(name)}` is taken")
        self._names.add(name)


def _between(words: list[bytes], least: int, most: int, form: str) -> tuple[bytes, ...]:
    if not least <= len(words) <= most:
        raise PolicyError(f"the line is not `{form}`")
    return (*words, *(b"" for _ in range(most - len(words))))


def _threshold(word: bytes, members: int) -> int:
    special: Mapping[bytes, int] = {b"any": 1, b"all": members}
    if word in special:
        return special[word]
    if not word.isdigit() or word.startswith(b"0") or len(word) > _MAX_DIGITS:
        raise PolicyError(f"`{_shown(word)}` is neither `all` nor `any` nor a number")
    if int(word) > members:
        raise PolicyError(f"{int(word)} of {members} members can never cosign")
    return int(word)


def _text(word: bytes) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PolicyError("a key or URL is not UTF-8") from error


def _shown(word: bytes) -> str:
    return word[:80].decode("utf-8", "backslashreplace")
