"""Exit codes, and one tree of errors that carry their own human text.

    WeightmarkError
    ├── RefusedError               1  checked, and bad
    │   ├── MalformedError            a document breaks its format
    │   ├── ArtifactRefusedError      the tree holds what no identity can cover
    │   ├── SidecarRefusedError       a reserved name holds something else
    │   ├── WrongSignerError          signed, but by somebody else
    │   ├── TamperedError             content differs from what was signed
    │   ├── UnsafeContentError        a finding at or over the threshold
    │   ├── LedgerInconsistentError   rolled back, forked or damaged
    │   └── SubmissionRefusedError    the ledger does not admit this submission
    ├── CallError                  2  the call is wrong
    │   ├── SettingsError             a configuration file or variable is wrong
    │   ├── PolicyError               a policy file is wrong
    │   └── TrustNotSaidError         whom to trust was not said
    ├── NothingCheckedError        3  nothing was checked
    │   ├── NoInputError              the folder is empty
    │   └── NoSignatureError          there is no signature to check
    └── UncheckedError             4  could not be checked
        ├── ReadError                 input or output failed
        ├── FileChangedError          a file changed while it was read
        ├── LimitError                a bound was hit
        ├── UnsupportedError          sound, but not supported here
        ├── NewerSchemaError          written by a newer weightmark
        ├── KeyLockedError            a passphrase is missing or wrong
        ├── TrustMissingError         a trust root or key is missing
        └── ExtraMissingError         an optional dependency is not installed

Every class is one error code; ``weightmark explain CODE`` prints its title and docstring.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import ClassVar

__all__ = [
    "ArtifactRefusedError",
    "CallError",
    "Exit",
    "ExtraMissingError",
    "FileChangedError",
    "KeyLockedError",
    "LedgerInconsistentError",
    "LimitError",
    "MalformedError",
    "NewerSchemaError",
    "NoInputError",
    "NoSignatureError",
    "NothingCheckedError",
    "PolicyError",
    "ReadError",
    "RefusedError",
    "SettingsError",
    "SidecarRefusedError",
    "SubmissionRefusedError",
    "TamperedError",
    "TrustMissingError",
    "TrustNotSaidError",
    "UncheckedError",
    "UnsafeContentError",
    "UnsupportedError",
    "WeightmarkError",
    "WrongSignerError",
    "error_catalogue",
    "read_failure",
]


class Exit(IntEnum):
    """What a process exit code means, the same for every command."""

    GOOD = 0
    """checked, and good"""
    BAD = 1
    """checked, and bad: tampered, wrong signer, finding at or over the threshold, refused by policy, ledger inconsistent"""
    USAGE = 2
    """the call is wrong: usage, configuration, policy syntax, whom to trust not said"""
    NOTHING = 3
    """nothing was checked: no input, no signature, no supported file"""
    UNCHECKED = 4
    """could not be checked: I/O, network, unsupported algorithm, trust root missing, truncated, a limit hit, an extra missing"""
    BUG = 70
    """our bug"""
    INTERRUPTED = 130
    """interrupted"""

    @classmethod
    def worst(cls, codes: Iterable["Exit"]) -> "Exit":
        """Return the code that several outcomes add up to: 1 over 4 over 3 over 0."""
        seen = set(codes)
        for code in (cls.BUG, cls.USAGE, cls.BAD, cls.UNCHECKED, cls.NOTHING):
            if code in seen:
                return code
        return cls.GOOD


class WeightmarkError(Exception):
    """The base of every error that weightmark raises on purpose."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "an error"
    exit: ClassVar[Exit] = Exit.BUG

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        """Say `what` happened, `why` it is so, and how to `fix` it; each is one sentence without a full stop."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix


class RefusedError(WeightmarkError):
    """Something was checked and is bad."""

    code = "refused"
    title = "checked, and bad"
    exit = Exit.BAD


class MalformedError(RefusedError):
    """A document breaks the rules of its own format.

    Documents are parsed strictly: no duplicate keys, bounded depth and size, exact field types.
    A document that two readers could read in two ways is refused.
    """

    code = "malformed"
    title = "a document breaks its own format"


class ArtifactRefusedError(RefusedError):
    """The artifact holds something that no identity can cover.

    Examples: a link that leaves the root, a linked directory, a FIFO or device, a name that
    is not UTF-8, names that become one name on other systems.
    """

    code = "artifact-refused"
    title = "the artifact holds what no identity can cover"


class SidecarRefusedError(RefusedError):
    """A reserved name (`model.sig`, `model.claims`, `model.receipt`) holds something else.

    Reserved names lie outside the artifact's identity, so what stands there must be exactly
    what the name says: a regular file, strict in its own format.
    """

    code = "sidecar-refused"
    title = "a reserved name holds something else"


class WrongSignerError(RefusedError):
    """There is a signature, but none by whom you trust."""

    code = "wrong-signer"
    title = "signed by somebody else"


class TamperedError(RefusedError):
    """The content is not what was signed."""

    code = "tampered"
    title = "the content is not what was signed"


class UnsafeContentError(RefusedError):
    """The scan found something at or over the threshold of `--fail-on`."""

    code = "unsafe-content"
    title = "the scan found something unsafe"


class LedgerInconsistentError(RefusedError):
    """The ledger was rolled back, forked or damaged.

    An append-only log can only grow. A smaller tree, another root at the same size, or a proof
    that does not fit means that history was rewritten or that a file was damaged.
    """

    code = "ledger-inconsistent"
    title = "the ledger is not what it was"


class SubmissionRefusedError(RefusedError):
    """The ledger does not admit this submission."""

    code = "submission-refused"
    title = "the ledger refuses this submission"


class CallError(WeightmarkError):
    """The call is wrong."""

    code = "usage"
    title = "the call is wrong"
    exit = Exit.USAGE


class SettingsError(CallError):
    """A configuration file or an environment variable is wrong."""

    code = "settings"
    title = "a setting is wrong"


class PolicyError(CallError):
    """A policy file is wrong: unknown key, wrong type, or not readable."""

    code = "policy"
    title = "the policy is wrong"


class TrustNotSaidError(CallError):
    """Whom to trust was not said; a signature by nobody in particular proves nothing."""

    code = "trust-not-said"
    title = "whom to trust was not said"


class NothingCheckedError(WeightmarkError):
    """Nothing was checked."""

    code = "nothing-checked"
    title = "nothing was checked"
    exit = Exit.NOTHING


class NoInputError(NothingCheckedError):
    """The folder is empty or holds nothing that could be checked."""

    code = "no-input"
    title = "there is nothing to check"


class NoSignatureError(NothingCheckedError):
    """There is no signature and no claim to check."""

    code = "no-signature"
    title = "there is no signature"


class UncheckedError(WeightmarkError):
    """Something could not be checked, so nothing is known about it."""

    code = "unchecked"
    title = "could not be checked"
    exit = Exit.UNCHECKED


class ReadError(UncheckedError):
    """Reading or writing failed: permissions, a full disk, a broken device."""

    code = "io"
    title = "reading or writing failed"


class FileChangedError(UncheckedError):
    """A file changed while it was read, so its digest means nothing."""

    code = "file-changed"
    title = "a file changed while it was read"


class LimitError(UncheckedError):
    """A bound on size, depth, count or time was hit; the rest was not looked at."""

    code = "limit"
    title = "a limit was hit"


class UnsupportedError(UncheckedError):
    """The document is sound but uses something that this version cannot check."""

    code = "unsupported"
    title = "sound, but not supported"


class NewerSchemaError(UncheckedError):
    """The file was written by a newer weightmark."""

    code = "newer-schema"
    title = "written by a newer version"


class KeyLockedError(UncheckedError):
    """A private key is encrypted and the passphrase is missing or wrong."""

    code = "key-locked"
    title = "the passphrase is missing or wrong"


class TrustMissingError(UncheckedError):
    """A key file or trust root that the call names is missing or unusable."""

    code = "trust-missing"
    title = "a key or trust root is missing"


class ExtraMissingError(UncheckedError):
    """An optional dependency is not installed."""

    code = "extra-missing"
    title = "an optional dependency is missing"


def error_catalogue() -> dict[str, type[WeightmarkError]]:
    """Return every error class by its code, sorted by code."""

    def walk(cls: type[WeightmarkError]) -> Iterator[type[WeightmarkError]]:
        for child in cls.__subclasses__():
            yield child
            yield from walk(child)

    return {cls.code: cls for cls in sorted(walk(WeightmarkError), key=lambda c: c.code)}


def read_failure(path: object, error: OSError) -> ReadError:
    """Turn an operating-system error about `path` into a `ReadError` that names the path."""
    reason = error.strerror or str(error)
    return ReadError(
        f"cannot read or write `{path}`: {reason.lower()}",
        fix="check the path, its permissions and the free space",
    )
