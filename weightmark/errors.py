"""Exit codes, and one tree of errors that carry their own human text.

    WeightmarkError
    ├── RefusedError               1  checked, and bad
    │   ├── MalformedError            a document breaks its format
    │   ├── ArtifactRefusedError      the tree holds what no identity can cover
    │   ├── SidecarRefusedError       a reserved name holds something else
    │   ├── WrongSignerError          signed, but by somebody else
    │   │   └── OutOfTimeError        by a trusted signer, at a time that does not count
    │   ├── CertificateRefusedError   a certificate that may not sign
    │   ├── RevokedError              signed by whom you no longer trust
    │   ├── TamperedError             content differs from what was signed
    │   ├── PromiseBrokenError        a source serves other bytes than it promised
    │   ├── ProofRefusedError         a proof does not show what it is for
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
        ├── NetworkError              a service did not answer, or not usably
        ├── LedgerNotLiveError        a ledger moved, was succeeded, or is a copy
        ├── ExpiredError              a key, certificate or root is past its time
        ├── ProofMissingError         a log entry or timestamp that is asked for is not there
        ├── UnknownAuthorityError     a log or clock that the trust root does not know
        ├── ExtraMissingError         an optional dependency is not installed
        └── SelfCheckError            what was just signed does not verify

Every class is one error code; ``weightmark explain CODE`` prints its title and docstring.
"""

from collections.abc import Iterator
from typing import ClassVar

from weightmark.exits import Exit

__all__ = [
    "ArtifactRefusedError", "CallError", "CertificateRefusedError", "Exit", "ExpiredError",
    "ExtraMissingError", "FileChangedError", "KeyLockedError", "LedgerInconsistentError",
    "LedgerNotLiveError", "LimitError", "MalformedError", "NetworkError", "NewerSchemaError",
    "NoInputError", "NoSignatureError", "NothingCheckedError", "OutOfTimeError", "PolicyError",
    "PromiseBrokenError", "ProofMissingError", "ProofRefusedError", "ReadError", "RefusedError",
    "RevokedError", "SelfCheckError", "SettingsError", "SidecarRefusedError",
    "SubmissionRefusedError", "TamperedError", "TrustMissingError", "TrustNotSaidError",
    "UncheckedError", "UnknownAuthorityError", "UnsafeContentError", "UnsupportedError",
    "WeightmarkError", "WrongSignerError", "error_catalogue", "read_failure",
]  # fmt: skip


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
    """Something was checked and is bad.

    The message says what was looked at and what is wrong with it. Do not use the artifact before
    you know why.
    """

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
    """There is a signature, but none by whom you trust.

    Anybody can sign anything, so only a signature by the key, certificate or identity that you named
    counts. The answer says of each signature whom it names and what does not fit: compare it with
    what the publisher announces, and with your trusted root, by another way than the model.
    """

    code = "wrong-signer"
    title = "signed by somebody else"


class OutOfTimeError(WrongSignerError):
    """It was made by a signer whom you trust, provably at a time when that did not count.

    A trust file says from when until when the signer counts. Ask the publisher what happened, or
    correct `not_before` and `not_after` if they are wrong.
    """

    code = "out-of-time"
    title = "signed outside of the signer's time"


class CertificateRefusedError(RefusedError):
    """The signer's certificate may not sign this.

    It stands under an authority that you trust, but was not made for signing code, holds a key of a
    kind that signatures may not have, or was not valid when it signed.
    """

    code = "certificate-refused"
    title = "the certificate may not sign this"


class RevokedError(RefusedError):
    """The signer was trusted once and is no longer.

    A trust file gives the date and the reason. A signature counts only if a verified timestamp or
    log entry proves that it was made before that date; ask the publisher for a new one.
    """

    code = "revoked"
    title = "the signer is no longer trusted"


class TamperedError(RefusedError):
    """The content is not what was signed.

    Files are missing, changed, renamed or extra; each is named. Get the artifact again from the
    publisher, or ask for a new signature when the change was meant.
    """

    code = "tampered"
    title = "the content is not what was signed"


class PromiseBrokenError(RefusedError):
    """A hub, a registry or a lock promised other bytes than those that arrived.

    Each file that is fetched is held against the size and the digests that its source, and the lock
    file where there is one, gave for it. Nothing was placed, whatever the policy says. A cache or a
    mirror on the way may be spoiled: fetch from the publisher, and tell whoever runs the source.
    """

    code = "promise-broken"
    title = "a source serves other bytes than it promised"


class ProofRefusedError(RefusedError):
    """A proof does not show what it is for: a log entry, a checkpoint, a timestamp or a proof of membership.

    It is about another signature, artifact or member, or not signed by the log or authority it
    names. Somebody put it together from parts, or damaged it; get it again from whoever made it.
    """

    code = "proof-refused"
    title = "a proof does not show what it is for"


class UnsafeContentError(RefusedError):
    """The scan found something at or over the threshold of `--fail-on`.

    Opening such a file can run code. `weightmark scan` shows each finding with its place, and
    `weightmark explain RULE` says what it means.
    """

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
    """The ledger does not admit this submission.

    Only submitters that the ledger's owner admitted may write, each for its kinds of entry, and a
    request is good for one ledger and for a limited time. `ledger list --kind policy` names the newest policy,
    and `ledger show INDEX` who is admitted.
    """

    code = "submission-refused"
    title = "the ledger refuses this submission"


class CallError(WeightmarkError):
    """The call is wrong.

    Nothing was checked or written. A flag or path is unknown, missing or contradicts another; the
    hint names the one that is meant, or the help page.
    """

    code = "usage"
    title = "the call is wrong"
    exit = Exit.USAGE


class SettingsError(CallError):
    """A configuration file or an environment variable is wrong.

    Settings are read strictly: an unknown key or a value of the wrong type stops the call. Correct
    the file that the message names, or leave all files out with `--isolated`.
    """

    code = "settings"
    title = "a setting is wrong"


class PolicyError(CallError):
    """A policy file is wrong: unknown key, wrong type, or not readable.

    A policy that is not understood to the last key decides nothing. `weightmark policy check FILE`
    validates it, and `weightmark policy init` writes one to begin with.
    """

    code = "policy"
    title = "the policy is wrong"


class TrustNotSaidError(CallError):
    """Whom to trust was not said; a signature by nobody in particular proves nothing.

    Name the publisher: a public key with `--key release.pub`, an identity with `--identity` and
    `--issuer` or with `--repo`, a certificate with `--cert-chain` and `--cert-san`, or a trust file
    with `--trust`. Get it from elsewhere than the model, because whoever changes the model can
    change what stands beside it.
    """

    code = "trust-not-said"
    title = "whom to trust was not said"


class NothingCheckedError(WeightmarkError):
    """Nothing was checked.

    There was nothing to look at, which is neither good nor bad. It is never exit code 0, so that a
    wrong path does not pass for a check.
    """

    code = "nothing-checked"
    title = "nothing was checked"
    exit = Exit.NOTHING


class NoInputError(NothingCheckedError):
    """The folder is empty or holds nothing that could be checked.

    Check the path. Sidecars, `.git` and `.cache/huggingface` are no content of an artifact, so a
    folder that holds only them counts as empty.
    """

    code = "no-input"
    title = "there is nothing to check"


class NoSignatureError(NothingCheckedError):
    """There is no signature and no claim to check.

    `model.sig` and `model.claims` are looked for in the folder, or beside a single file as `F.sig`
    and `F.claims`. Name others with `--signature` and `--claims`, or ask the publisher to sign.
    """

    code = "no-signature"
    title = "there is no signature"


class UncheckedError(WeightmarkError):
    """Something could not be checked, so nothing is known about it.

    It may be good or bad: treat it as not let through, mend what the message names, and try again.
    """

    code = "unchecked"
    title = "could not be checked"
    exit = Exit.UNCHECKED


class ReadError(UncheckedError):
    """Reading or writing failed: permissions, a full disk, a broken device.

    The message names the path and what the system said. Files that were there before are as they
    were: nothing is left half written.
    """

    code = "io"
    title = "reading or writing failed"


class FileChangedError(UncheckedError):
    """A file changed while it was read, so its digest means nothing.

    Something still writes to the artifact, for example a download or a training run. Wait until it
    is done, or judge a copy.
    """

    code = "file-changed"
    title = "a file changed while it was read"


class LimitError(UncheckedError):
    """A bound on size, depth, count or time was hit; the rest was not looked at.

    Bounds keep hostile files from using up the machine. What lies behind one counts as not checked
    and never as clean.
    """

    code = "limit"
    title = "a limit was hit"


class UnsupportedError(UncheckedError):
    """The document is sound but uses something that this version cannot check.

    This says nothing against the artifact. A newer weightmark or another tool may be able to check
    it; the message names what is missing.
    """

    code = "unsupported"
    title = "sound, but not supported"


class NewerSchemaError(UncheckedError):
    """The file was written by a newer weightmark.

    This version does not guess what it means and does not write to it. Install the version that
    wrote it, or a newer one.
    """

    code = "newer-schema"
    title = "written by a newer version"


class KeyLockedError(UncheckedError):
    """A private key is encrypted and the passphrase is missing or wrong.

    It is taken from `--passphrase-file`, else from `WEIGHTMARK_PASSPHRASE`, else from a prompt on a
    terminal. An empty variable counts as not set.
    """

    code = "key-locked"
    title = "the passphrase is missing or wrong"


class TrustMissingError(UncheckedError):
    """A key file or trust root that the call names is missing or unusable.

    Without it nobody can say whose signature is good. Check the path, and that the file is a key
    in PEM form of a supported type.
    """

    code = "trust-missing"
    title = "a key or trust root is missing"


class NetworkError(UncheckedError):
    """A service on the network did not answer in time, refused, or answered with something unusable.

    The message names the address and what the service said. Nothing was written; calls that may be
    repeated were repeated. Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    """

    code = "network"
    title = "a service could not be used"


class LedgerNotLiveError(UncheckedError):
    """The ledger is not the one that grows: it moved, another log took over, or it is a backup.

    Nothing can be entered there, and what was revoked since is not in it. The message names the new
    place, or the log that took over, where that is known: ask its operator for address and log key.
    """

    code = "ledger-not-live"
    title = "the ledger is not the live one"


class ExpiredError(UncheckedError):
    """A key, a certificate or a trust root is past its time, and nothing proves an earlier signature.

    This says nothing against the artifact. A verified timestamp or log entry within that time would
    decide it; ask the publisher for one, or for the present key.
    """

    code = "expired"
    title = "a key, certificate or root is past its time"


class ProofMissingError(UncheckedError):
    """A log entry, a certificate promise or a timestamp that you ask for is not in the bundle.

    Without it nothing shows that the signature was made while the certificate counted. Ask the
    publisher to sign again with a transparency log or a timestamp authority.
    """

    code = "proof-missing"
    title = "a log entry or timestamp is missing"


class UnknownAuthorityError(UncheckedError):
    """A log entry or timestamp is by a log or authority that your trust root does not know.

    It may be good: nobody can tell without the key. Name the trust root of the Sigstore instance
    with which it was signed, or update the one you have.
    """

    code = "unknown-authority"
    title = "a log or authority is not known"


class ExtraMissingError(UncheckedError):
    """An optional dependency is not installed.

    What it is needed for could not be checked. The hint names the `pip install` command that
    supplies it.
    """

    code = "extra-missing"
    title = "an optional dependency is missing"


class SelfCheckError(UncheckedError):
    """A new signature did not verify with the signer's own key or certificate; nothing was written.

    This says nothing against the artifact: mostly an authority lacks what verifiers demand of one.
    """

    code = "self-check"
    title = "the new signature does not verify"


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
