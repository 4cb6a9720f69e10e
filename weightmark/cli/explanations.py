"""What `explain` says beyond a title: why a family of rules matters, and what each check means."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CHECKS", "CheckMeaning", "danger_of"]


@dataclass(frozen=True, slots=True)
class CheckMeaning:
    """One check that `verify` or `gate` prints, in words."""

    title: str
    """what it answers, one line without a full stop"""
    help: str
    """what it looks at and what to do when it did not pass, one or two sentences"""


_FAMILIES = {
    "CMP0": "Bytes that a decompressor skips are seen by nobody who looks at the content, and by every program that reads the file itself.",
    "KER0": "Keras builds the layers that the file describes. What the description names is code or a file that is used on the machine that loads the model.",
    "NPY0": "Reading an array of Python objects unpickles it, and unpickling runs whatever the file names.",
    "PKL0": "Unpickling is running a program: it imports names and calls them with arguments from the file, with the rights of whoever loads it, before the first tensor can be looked at.",
    "REP0": "Loaders follow the files of a repository: what these name is imported, run or read from the machine that loads the model, or changes what is loaded.",
    "STF0": "A safetensors file has exactly one correct reading. Where it breaks its format, programs can read different tensors from it, or it can carry bytes that nobody looks at.",
    "TPL0": "Serving software renders the template with its own rights. A template that reaches beyond its data can run code or read files there.",
    "TRE0": "Such an entry stands for something else than its own bytes, so what is opened on another machine is not what was checked here.",
    "TSC0": "TorchScript is code: its interpreter runs it when the model is used.",
    "ZIP0": "Where an archive can be read in two ways, a scanner can see one content and a loader another.",
}
"""what a family of rules, by the first four characters of their ids, has in common"""

_OTHER = (
    "Loading the file can do or show something else than its publisher or a reader would expect."
)


def danger_of(rule: str) -> str:
    """Return why what a rule of this id finds is dangerous, one or two sentences."""
    return _FAMILIES.get(rule[:4], _OTHER)


CHECKS: Mapping[str, CheckMeaning] = MappingProxyType(
    {
        "claims": CheckMeaning(
            "are the files of claims well formed",
            "Every line of `model.claims` must be a signed bundle. A line that is none makes the verdict bad, and the other lines still count.",
        ),
        "content": CheckMeaning(
            "is every name and byte as it was signed or approved",
            "`gate` compares what it read with what the trusted signer listed. Files that are missing, changed, renamed or extra are named.",
        ),
        "coverage": CheckMeaning(
            "is there content that the signature does not hold",
            "A model signature leaves out `.gitattributes`, `.gitignore` and `.github` at the root. A manifest claim covers them: sign with `weightmark sign`, or let the policy report them with `outside`.",
        ),
        "identity": CheckMeaning(
            "what was read",
            "The identity `wm1:…` stands for all names, sizes and bytes. Without it nothing else can be said about the artifact.",
        ),
        "ledger": CheckMeaning(
            "does the ledger know this release",
            "With `--ledger`, the signed checkpoint must extend the one seen before, and an entry must say that a trusted signer released this identity. Enter it with `weightmark ledger append`.",
        ),
        "links": CheckMeaning(
            "did files become links",
            "The signer recorded that there were no links, and some files are links now. Replace each by the file that it means, or get the artifact again.",
        ),
        "manifest claim": CheckMeaning(
            "is the content what the signer's own list says",
            "A manifest claim in `model.claims` lists every name with its BLAKE3 and SHA-256. It is compared with the files, and each difference is named.",
        ),
        "model signature": CheckMeaning(
            "is the content what `model.sig` lists",
            "The OpenSSF model signature lists the files with their digests. It is compared with the files, and each difference is named.",
        ),
        "names": CheckMeaning(
            "does every name mean the same file on every system",
            "Names that differ only in case or in their Unicode form, names that Windows reserves, and names that no identity can cover are told. Rename the files and sign again.",
        ),
        "outside": CheckMeaning(
            "what lies in the folder and is no part of the artifact",
            '`.git` and `.cache/huggingface` at the root belong to no identity, yet a program may use them. Remove them, judge a copy, or let the policy say `outside = "report"`.',
        ),
        "reading": CheckMeaning(
            "could the artifact be read to its end",
            "Something could not be read or was refused, so nothing is known about the rest. The message names it.",
        ),
        "record": CheckMeaning(
            "was the decision entered into the ledger",
            "`--record` submits the signed decision. One that could not be entered is not a success, whatever was decided.",
        ),
        "revocation": CheckMeaning(
            "did somebody entitled revoke this release or its key",
            "The ledger is searched for revocations of the identity and of the trusted keys. Use another release.",
        ),
        "scan": CheckMeaning(
            "did the scan find something unsafe",
            "The files are scanned in the same read that is judged. A finding at or over the policy's severity denies; `weightmark scan` shows them all.",
        ),
        "scan claim": CheckMeaning(
            "did the signer scan as well",
            "`weightmark sign` scans and signs the outcome. A policy may demand it: `[scan] claim_required`.",
        ),
        "sidecar": CheckMeaning(
            "does one reserved name hold what it says",
            "`model.sig`, `model.claims` or `model.receipt` could not be read as what its name says. Remove it, or get it again from the publisher.",
        ),
        "sidecars": CheckMeaning(
            "do the reserved names hold what they say",
            "`model.sig`, `model.claims` and `model.receipt` lie outside the identity, so each must be a plain file that is strict in its own format.",
        ),
        "signature": CheckMeaning(
            "does somebody whom you trust vouch for the artifact",
            "A signature or a claim must verify with the key that you named; for `gate`, an approval may stand in for it. Check the key, or ask the publisher to sign.",
        ),
        "vsa": CheckMeaning(
            "was the signed decision written",
            "`--vsa FILE` writes the decision as a SLSA verification summary. One that could not be written is not a success.",
        ),
        "witnesses": CheckMeaning(
            "does anybody watch the operator of the ledger",
            "Witnesses cosign checkpoints, so that the operator cannot rewrite history unseen. No command of this version makes one, so a policy that demands them refuses every ledger: `[ledger] witnesses = 0` accepts that.",
        ),
    }
)
"""every check that `verify` and `gate` print, by its name, sorted"""
