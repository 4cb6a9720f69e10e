"""What `explain` says beyond a title: why a family of rules matters, and what each check means."""

from collections.abc import Mapping
from types import MappingProxyType

from weightmark.values import dataclass

__all__ = ["CHECKS", "CheckMeaning", "check_meaning", "danger_of"]


@dataclass(frozen=True, slots=True)
class CheckMeaning:
    """One check that a command prints, in words."""

    title: str
    """what it answers, one line without a full stop"""
    help: str
    """what it looks at and what to do when it did not pass, one or two sentences"""


_FAMILIES = {
    "ARW0": "Versions of pyarrow before 14.0.1 unpickle this type with the schema, before any data are read.",
    "BST0": "The loader reserves and walks memory by counts that the file claims.",
    "CML0": "A CoreML package describes operations for its runtime. Custom layers and paths that leave it bring in code or files that nobody checked here.",
    "CMP0": "Bytes that a decompressor skips are seen by nobody who looks at the content, and by every program that reads the file itself.",
    "ETX0": "The compiled program is run by its runtime on the machine that loads it, and what its header promises is believed there.",
    "EXE0": "A program runs with the rights of whoever starts it. Under the name of a model it is there to be started by mistake.",
    "GGF0": "Readers of GGUF are native code that believes lengths and counts, so a header that lies can make them read or write outside of their memory.",
    "GIT0": "Git reads this folder whenever it, an editor or a prompt looks at the files, and runs what stands there with the rights of the user.",
    "HDF0": "HDF5 files can refer to other files and programs of the machine that opens them, so what is loaded is not only what was checked.",
    "KER0": "Keras builds the layers that the file describes. What the description names is code or a file that is used on the machine that loads the model.",
    "MAR0": "The server imports what the archive names as soon as the model is deployed.",
    "MSC0": "Another scanner judged the file by its own list of names. Two opinions that differ are worth a look.",
    "MSG0": "The reader builds arrays from lengths and types that the file claims, and trusts extension types that it knows.",
    "NAT0": "A compiled engine is native code, which runs on the machine that loads it with the rights of whoever loads it.",
    "NBK0": "A notebook is a program: its cells run with the rights of whoever runs them.",
    "NPY0": "Reading an array of Python objects unpickles it, and unpickling runs whatever the file names.",
    "ONX0": "The runtime follows what the graph says: files beside the model, operators of other libraries, and functions that the graph defines.",
    "PDL0": "The framework runs the operations that the program lists, on the machine that loads it.",
    "PKL0": "Unpickling is running a program: it imports names and calls them with arguments from the file, with the rights of whoever loads it, before the first tensor can be looked at.",
    "RDS0": "R evaluates code that stands in a data file when a value is looked at, without a call by whoever reads it.",
    "REP0": "Loaders follow the files of a repository: what these name is imported, run or read from the machine that loads the model, or changes what is loaded.",
    "SKO0": "skops builds the types that the file names. A type that nobody reviewed can run code when it is built.",
    "STF0": "A safetensors file has exactly one correct reading. Where it breaks its format, programs can read different tensors from it, or it can carry bytes that nobody looks at.",
    "TAR0": "An archive is unpacked onto the machine, and its paths, links and modes decide where that reaches.",
    "TFG0": "A TensorFlow graph is a program: its operations read and write files, and call Python, on the machine that runs it.",
    "TFL0": "Interpreters of TFLite are native code that follows offsets in the file, and load custom operators of its name.",
    "TPL0": "Serving software renders the template with its own rights. A template that reaches beyond its data can run code or read files there.",
    "TRE0": "Such an entry stands for something else than its own bytes, so what is opened on another machine is not what was checked here.",
    "TSC0": "TorchScript is code: its interpreter runs it when the model is used.",
    "XML0": "Parsers of XML resolve what a document declares: they read files and addresses of the machine that loads the model.",
    "ZAR0": "Chunks of objects are unpickled when the array is read, and unpickling runs whatever they name; a path outside makes other files part of the weights.",
    "ZIP0": "Where an archive can be read in two ways, a scanner can see one content and a loader another.",
}
"""what a family of rules, by the first four characters of their ids, has in common"""

_OTHER = (
    "Loading the file can do or show something else than its publisher or a reader would expect."
)


def check_meaning(name: str) -> CheckMeaning | None:
    """Return what a check means, by its name or by `gate-NAME` as findings for code scanning call it."""
    plain = name.lower()
    if plain.startswith("gate-"):
        plain = plain.removeprefix("gate-").replace("-", " ")
    numbered = next((one for one in ("rule", "response") if plain.startswith(f"{one} ")), plain)
    return CHECKS.get(numbered)


def danger_of(rule: str) -> str:
    """Return why what a rule of this id finds is dangerous, one or two sentences."""
    return _FAMILIES.get(rule[:4], _OTHER)


CHECKS: Mapping[str, CheckMeaning] = MappingProxyType(
    {
        "approval": CheckMeaning(
            "is the approval there that the policy asks for",
            "`[require.approval]` asks a role to approve this identity beside the signature. An approval that has ended is none; `weightmark attest PATH --type approval` makes one.",
        ),
        "artifact": CheckMeaning(
            "which artifact it is about",
            "It names what was read, or what a receipt or a decision belongs to. When it did not pass, that is about another artifact: compare the identities.",
        ),
        "baseline": CheckMeaning(
            "what the baseline says about this artifact",
            "Entries that accept nothing here are named: for other content, past their end, or for what was not found. Accept again what still holds with `--write-baseline`.",
        ),
        "cache": CheckMeaning(
            "can the cache be written",
            "`doctor` looks whether the folder for what can be computed again may be written. `XDG_CACHE_HOME` names another.",
        ),
        "call": CheckMeaning(
            "could the call be answered",
            "It could not, so nothing was judged. The message says why, and what to do.",
        ),
        "certificate": CheckMeaning(
            "is the certificate with which this machine signs still good",
            "`doctor` looks at the certificates that the environment names for `sign` and `attest`, and warns 30 days before one ends. Have a new one issued.",
        ),
        "chain": CheckMeaning(
            "does what it was made from hold",
            "`[chain]` follows signed statements from the artifact to everything it was made from. `weightmark chain PATH` draws it, and each gap names the command that closes it.",
        ),
        "claim": CheckMeaning(
            "what was stated and signed",
            "The statement is one more line of the claims. `weightmark inspect` shows all of it.",
        ),
        "claims": CheckMeaning(
            "are the files of claims well formed",
            "Every line of `model.claims` must be a signed bundle. A line that is none makes the verdict bad, and the other lines still count.",
        ),
        "classification": CheckMeaning(
            "is it secret at most as the policy allows",
            "An artifact is as secret as the most secret thing that it was made from. A lower level that is stated beside a higher one lowers nothing.",
        ),
        "clock": CheckMeaning(
            "does this machine know what time it is",
            "`doctor` compares the clock with the day on which this version was made. With a clock that is behind, expiry cannot be judged: set it, for example with NTP.",
        ),
        "complete": CheckMeaning(
            "is everything in the list, and was everything checked to the end?",
            "`inventory` names each folder, file and artifact that could not be read. Something may be missing or unsafe there: mend what stands in the way, and run it again.",
        ),
        "config": CheckMeaning(
            "where your settings and trust files are",
            "`doctor` names the folder for what you decide. `XDG_CONFIG_HOME` names another.",
        ),
        "content": CheckMeaning(
            "is every name and byte as it was signed or approved",
            "`gate` compares what it read with what the trusted signer listed. Files that are missing, changed, renamed or extra are named.",
        ),
        "cores": CheckMeaning(
            "how much is done at once",
            "`doctor` says how many threads or processes work together. `--jobs N` changes it.",
        ),
        "cosigners": CheckMeaning(
            "who signed beside the first signer",
            "Each of them signed the same claims, as lines of `model.claims`, and can be trusted alone. `model.sig` is by the first signer only.",
        ),
        "coverage": CheckMeaning(
            "is there content that the signature does not hold",
            "The files that are named were signed by nobody whom you trust, or were left out as you asked. A model signature alone leaves out `.gitattributes`, `.gitignore` and `.github` at the root; a manifest claim covers them: sign with `weightmark sign`.",
        ),
        "data": CheckMeaning(
            "can the data folder be written",
            "`doctor` looks whether the folder for what must not be lost, the default ledger among it, may be written. `XDG_DATA_HOME` names another.",
        ),
        "dataset": CheckMeaning(
            "is the data described",
            "`[require.dataset]` asks a role to describe every dataset that went in, or the artifact if it is one.",
        ),
        "decision": CheckMeaning(
            "was the decision document written",
            "`gate --decision FILE` writes the decision with everything that it rests on, for `gate --replay FILE`. One that could not be written is not a success.",
        ),
        "description": CheckMeaning(
            "does a dataset describe the very files that are here",
            "The Croissant document of a dataset states digests of its files, and its card a licence. A stated digest that is wrong refuses; the rest is the publisher's word.",
        ),
        "earlier decision": CheckMeaning(
            "did an earlier decision answer",
            "Where `[vsa]` of the policy takes one, a signed decision about this identity, by this policy and environment, answers, once age, revocations, the ledger and what it rests on were checked again. `--fresh` looks at everything.",
        ),
        "environment": CheckMeaning(
            "do the variables of this environment mean something",
            "`doctor` looks at every variable that begins with `WEIGHTMARK_`: one that no command reads says nothing, one with a value that no command takes stops every call that reads it. Correct its name or value.",
        ),
        "events": CheckMeaning(
            "can the addresses be told of decisions",
            "`doctor` looks at the addresses that the environment and settings name for `--events`, and at what waits to be sent; nobody is asked. A call with an address that can be none ends with 2.",
        ),
        "exceptions": CheckMeaning(
            "which exceptions have ended",
            "`[[exceptions]]` of a policy hold for one identity until a day. One that has ended is shown and counts for nothing.",
        ),
        "extras": CheckMeaning(
            "which optional libraries are there",
            "`doctor` lists the extras of this installation. One that is there in part or too old ends the commands that use it with 4; install it again with `pip install 'weightmark[NAME]'`.",
        ),
        "files": CheckMeaning(
            "which files were signed or judged",
            "It says how many files there are, their size and their identity. An artifact without any file is neither good nor bad: check the path.",
        ),
        "form": CheckMeaning(
            "is the model signature of an unusual form",
            "The OpenSSF model signature has another version than the current one, or fields that mean nothing here. The verdict does not follow from it; sign again to have the usual form.",
        ),
        "formats": CheckMeaning(
            "is every file of a format that the policy accepts",
            "Formats are told by content and never by names. A file that can be read as two formats must be accepted as both.",
        ),
        "further claims": CheckMeaning(
            "could the claims be read that were named beside the artifact's own",
            "`--claims` names a file, or a folder of which files are read that are called as claims are. A file that was named and can't be read leaves the decision open; lines that are no claims are only counted.",
        ),
        "gate": CheckMeaning(
            "could the artifact be opened at all",
            "Of several artifacts one could not be opened. The message says why; the others were judged.",
        ),
        "hook": CheckMeaning(
            "did the command of `--on-drift` do its work?",
            "It has to end with 0 within `--hook-seconds`. Nobody may have heard of the drift: look at what it says on stderr.",
        ),
        "identity": CheckMeaning(
            "what was read",
            "The identity `wm1:…` stands for all names, sizes and bytes. Without it nothing else can be said about the artifact.",
        ),
        "ignores": CheckMeaning(
            "what did the signer leave out of the model signature",
            "The signature names paths that it does not cover, beside those that every model leaves out. A file under one of them is not covered: another claim has to list it, or you have to accept it when you verify.",
        ),
        "inspections": CheckMeaning(
            "does the layout ask for commands to be run",
            "Nothing that a layout names is run here. Name the artifact, whose files are then compared with the products of the last step.",
        ),
        "keys": CheckMeaning(
            "are the keys there, and private ones readable by nobody else",
            "`doctor` looks at the key files that environment and settings name, and at those in the current folder. `chmod 600` closes one that others may open; if somebody may have read it, revoke it.",
        ),
        "layout": CheckMeaning(
            "was every step done as the layout demands",
            "A layout of in-toto, signed by its owners, says which steps there are and who may do them. Each needs its signed links.",
        ),
        "ledger": CheckMeaning(
            "does the ledger know this release",
            "With `--ledger`, the signed checkpoint must extend the one seen before, and an entry must say that a trusted signer released this identity. Enter it with `weightmark ledger append`.",
        ),
        "libraries": CheckMeaning(
            "are the libraries there that are always needed",
            "`doctor` compares their versions with those that are needed, and imports the ones with compiled code. Install again what is missing, too old or for another machine.",
        ),
        "licenses": CheckMeaning(
            "is the whole line under licences that are accepted",
            "A licence counts when the role of `[licenses]` states it, in a dataset claim or a bill of materials. An artifact whose licence nobody states denies.",
        ),
        "links": CheckMeaning(
            "did files become links",
            "The signer recorded that there were no links, and some files are links now. Replace each by the file that it means, or get the artifact again.",
        ),
        "log": CheckMeaning(
            "does the ledger keep its own rules",
            "Every entry, the tree and the signed checkpoint are read again. One that is damaged or was exchanged is named: restore a backup, and find out who wrote there.",
        ),
        "manifest claim": CheckMeaning(
            "is the content what the signer's own list says",
            "A manifest claim in `model.claims` lists every name with its BLAKE3 and SHA-256. It is compared with the files, and each difference is named.",
        ),
        "membership": CheckMeaning(
            "is a file or record in the artifact",
            "The proof shows it without the artifact. `--absent` asks for the contrary, `--member` that it is about the one you mean.",
        ),
        "model signature": CheckMeaning(
            "is the content what `model.sig` lists",
            "The OpenSSF model signature lists the files with their digests. It is compared with the files, and each difference is named.",
        ),
        "names": CheckMeaning(
            "does every name mean the same file on every system",
            "Names that differ only in case or in their Unicode form, names that Windows reserves, and names that no identity can cover are told. Rename the files and sign again.",
        ),
        "not scanned": CheckMeaning(
            "what has a format that is not scanned",
            "Nothing is known about these files: they are neither clean nor unsafe. Datasets of text are usually listed here.",
        ),
        "other content": CheckMeaning(
            "does the baseline know this content",
            "An entry of a baseline holds for the very bytes for which it was written. Look at what is found now, and accept it anew.",
        ),
        "other references": CheckMeaning(
            "which references can not move, or are local",
            "`inventory` lists references in code and manifests that are pinned, lie on this disk, or can not be told; nothing is to be mended.",
        ),
        "outside": CheckMeaning(
            "what lies in the folder and is no part of the artifact",
            '`.git` and `.cache/huggingface` at the root belong to no identity, yet a program may use them. Remove them, judge a copy, or let the policy say `outside = "report"`.',
        ),
        "part": CheckMeaning(
            "is this file part of something that is signed as a whole",
            "A single file was judged by itself, and a folder around it has claims of its own. They say nothing of the file alone: judge the folder.",
        ),
        "problems": CheckMeaning(
            "what could not be scanned",
            "These files are not clean: they are cut off, over a limit, or need an extra. The message names what is missing.",
        ),
        "products": CheckMeaning(
            "are the files those that the last step made",
            "The files are compared with the products in the link of the layout's last step. Each that differs, is missing or was made by no step is named.",
        ),
        "promise": CheckMeaning(
            "by what an address was verified",
            "`verify oci://…` and `verify hf://…` compare the SHA-256 that the source promises with what was signed, and fetch no file that has one. `weightmark pull` fetches them and holds each against its promise.",
        ),
        "promises": CheckMeaning(
            "are the files of a cache what the cache names them?",
            "Caches of the hub and of Ollama name files by their digests. One that is something else was changed after it was fetched, or the disk is failing: delete it and fetch it anew.",
        ),
        "provenance": CheckMeaning(
            "was it made as the policy expects",
            "`[require.provenance]` asks a role how the artifact was made; `[provenance]` compares builder, kind of step, sources and parameters, and refuses a parameter that nobody expects.",
        ),
        "python": CheckMeaning(
            "is this Python new enough",
            "`doctor` compares the version of Python with the oldest that is supported. Install a newer one.",
        ),
        "quorum": CheckMeaning(
            "do enough witnesses vouch for the ledger's checkpoint",
            "A quorum says how many of which witnesses have to cosign. Ask them again with `weightmark ledger witness collect`, or find out why they refused.",
        ),
        "reading": CheckMeaning(
            "could the artifact be read to its end",
            "Something could not be read or was refused, so nothing is known about the rest. The message names it.",
        ),
        "receipt": CheckMeaning(
            "does the receipt belong to this artifact",
            "`model.receipt` proves that a ledger holds a release. When it is about an earlier one, enter the new release with `weightmark ledger append`.",
        ),
        "receipts": CheckMeaning(
            "are large files that did not change read again",
            "`doctor` looks at the store of remembered reads, and at the file system here: only ext4, xfs, btrfs and apfs keep times that prove something. Elsewhere every byte is read each time.",
        ),
        "record": CheckMeaning(
            "was the decision entered into the ledger",
            "`--record` submits the signed decision. One that could not be entered is not a success, whatever was decided.",
        ),
        "references": CheckMeaning(
            "do code and manifests name what they load so that it can't change?",
            "A name without a commit or a digest means tomorrow what its owner makes of it. Write the commit or digest beside it; `weightmark lock update` finds it.",
        ),
        "registry signature": CheckMeaning(
            "did a trusted signer sign the registry's manifest",
            "`cosign sign` signs the digest of the manifest, which names every layer by its digest, so that it speaks for all of them.",
        ),
        "remarks": CheckMeaning(
            "what the library said beside its verdict",
            "The `in-toto` library warns of what it does not refuse, for example that a step was done by another command than the layout expects. It changes no verdict.",
        ),
        "remembered": CheckMeaning(
            "how many files were not read again",
            "Large files that did not change since they were read are taken from remembered reads. `--fresh` reads every byte.",
        ),
        "remote code": CheckMeaning(
            "does it hold code that a loader can be told to run",
            'With `remote_code = "refuse"` no file may be program code and no configuration may name any, whatever the code does.',
        ),
        "replay": CheckMeaning(
            "does the recorded decision follow from what was recorded",
            "`gate --replay FILE` judges the recorded inputs again, at the recorded time, and looks at nothing else.",
        ),
        "report": CheckMeaning(
            "was the answer written in one more form",
            "`--report FORM=FILE` writes the answer of the same call as SARIF, JUnit and so on. One that could not be written is not a success, whatever was decided.",
        ),
        "response": CheckMeaning(
            "what was done, or would be done, because of the verdict",
            "Each line is one rule of the file of `--respond`, by its number. `would …` is a dry run: `enabled = true` or `--act` lets it act. No response changes a verdict.",
        ),
        "revocation": CheckMeaning(
            "did somebody entitled revoke this release or its key",
            "The ledger is searched for revocations of the identity and of the trusted keys. Use another release.",
        ),
        "risk": CheckMeaning(
            "does any artifact hold what is unsafe to open?",
            "The scan of each is compared with `--fail-on`. `weightmark scan` shows every finding with its place.",
        ),
        "roles": CheckMeaning(
            "which claims do not count for a role",
            "A claim that a member of a role seems to have made was revoked, has expired or is not good; it counts for nothing.",
        ),
        "rule": CheckMeaning(
            "does a condition hold that the policy itself states",
            "`[[rule]]` of a policy compares one field of the input document with a value. docs/formats/policy.md lists the fields; a field about which nothing is known leaves the decision open.",
        ),
        "sbom": CheckMeaning(
            "is the bill of materials there that the policy asks for",
            "`[require.sbom]` asks a role to list the parts of the artifact, as CycloneDX or SPDX.",
        ),
        "scan": CheckMeaning(
            "did the scan find something unsafe",
            "The files are scanned in the same read that is judged. A finding at or over the policy's severity denies; `weightmark scan` shows them all.",
        ),
        "scan claim": CheckMeaning(
            "did the signer scan as well",
            "`weightmark sign` scans and signs the outcome. A policy may demand it: `[require.scan]`.",
        ),
        "services": CheckMeaning(
            "do the services answer that this set-up names",
            "`doctor --online` asks ledgers, timestamp authorities and Sigstore's repository, and compares their clocks with this one.",
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
            "A signature or a claim must be by the key, certificate or identity that you named; for `gate`, an approval may stand in for it. Compare what you named with what the publisher announces, or ask the publisher to sign.",
        ),
        "signed decision": CheckMeaning(
            "who signed the kept decision",
            "`gate --replay FILE --key gate.pub` demands the signature of the gate. Without it whoever wrote the file can have made all of it up.",
        ),
        "state": CheckMeaning(
            "can the state folder be written",
            "`doctor` looks whether the folder for what is remembered between runs, such as checkpoints of ledgers, may be written. `XDG_STATE_HOME` names another.",
        ),
        "svr": CheckMeaning(
            "was the signed result written",
            "`--svr FILE` writes what was seen to hold as an in-toto verification result, and nothing of a denial. One that could not be written is not a success.",
        ),
        "tag": CheckMeaning(
            "what the tag named before",
            "`push --move` moved it; what it named before stays in the registry under its digest.",
        ),
        "temporary": CheckMeaning(
            "do copies of models fit into the temporary folder",
            "`exec` copies the model that it runs a command on. `TMPDIR` names another folder, `--snapshot-dir` another place.",
        ),
        "tensors": CheckMeaning(
            "how many tensors there are",
            "It says how many were found or converted, and whether some share their bytes.",
        ),
        "terminal": CheckMeaning(
            "can names and marks be shown as they are",
            "With another locale than one of UTF-8, names that are not ASCII are shown as escapes or cannot be read. Set `LC_ALL=C.UTF-8`.",
        ),
        "test": CheckMeaning(
            "was it tested with success",
            "`[require.test]` asks a role for a result. One that failed is lifted only by a later one whose time is proven.",
        ),
        "time": CheckMeaning(
            "what proves when a signature was made",
            "`sign` says how many timestamps and log entries each signature carries. With one, a signature outlives its certificate and the revocation of its key; ask for one with `--tsa-url`.",
        ),
        "trust": CheckMeaning(
            "do the trust files still hold",
            "`doctor` reads your trust files and warns 30 days before a key, a certificate or a root ends. `weightmark trust show NAME` lists what each holds.",
        ),
        "validity": CheckMeaning(
            "does the policy still decide",
            "A policy that says `expires` decides nothing from then on, so that an old copy is not used for ever.",
        ),
        "vsa": CheckMeaning(
            "was the signed decision written",
            "`--vsa FILE` writes the decision as a SLSA verification summary. One that could not be written is not a success.",
        ),
        "vulns": CheckMeaning(
            "are known vulnerabilities below the policy's limit",
            "`[require.vulns]` asks a role for a report. A severity that can't be read counts as critical.",
        ),
        "watched": CheckMeaning(
            "what does the policy say of the artifact that is watched?",
            "`watch` judges as `gate` does. `weightmark gate` with the same policy says which check did not pass, and how to mend it.",
        ),
        "weightmark": CheckMeaning(
            "which version this is",
            "`doctor` says the version, which a report of an error should name.",
        ),
        "weights": CheckMeaning(
            "do the weights agree with what is claimed",
            "Weights at hand are compared with what a step or a conversion claims. Only a contradiction refuses; agreement proves no training.",
        ),
        "witness": CheckMeaning(
            "did this witness cosign the checkpoint",
            "A witness cosigns when the ledger only grew since it last looked. One that did not answer or refused is named with the reason.",
        ),
        "witnesses": CheckMeaning(
            "does anybody watch the operator of the ledger",
            "Witnesses cosign checkpoints, so that the operator cannot rewrite history unseen. Which ones count says `[ledger] witness_policy` of a policy, how many `witnesses`, and how lately they must have seen it `max_age`. `weightmark ledger witness` has the commands of both sides.",
        ),
        "younger": CheckMeaning(
            "is a newer release of the same name known",
            "The ledger holds a release of that name with a later verified time. Use that one, or say why the older one is meant.",
        ),
    }
)
"""every check that a command prints, by its name, sorted"""
