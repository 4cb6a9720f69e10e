"""What `explain` says about the reasons that checks give: stable words that are no error codes."""

from collections.abc import Mapping
from types import MappingProxyType

from weightmark.cli.explanations import CheckMeaning

__all__ = ["REASONS", "reason_of"]

REASONS: Mapping[str, CheckMeaning] = MappingProxyType(
    {
        "approval-expired": CheckMeaning(
            "the approval is past its end",
            "Whoever approved the artifact named an end, which has come. Have it approved again with `weightmark attest --type approval`.",
        ),
        "base-not-allowed": CheckMeaning(
            "a base at the end of the chain is not on the policy's list",
            "`[chain] allowed_bases` lists the identities that may stand there. Add it if it may be used.",
        ),
        "became-a-link": CheckMeaning(
            "a file was replaced by a link after signing",
            "The signer recorded that there were no links. Replace the link by the file that it means, or get the artifact again.",
        ),
        "circle": CheckMeaning(
            "an artifact is said to have gone into its own making",
            "One of the statements in the circle is wrong. Find out which, and have its signer revoke it.",
        ),
        "classification-missing": CheckMeaning(
            "nobody whom the policy trusts classified an artifact of the chain",
            "It counts as `restricted` then, or as `unclassified` of the policy says. `weightmark attest PATH --type classification` states a level.",
        ),
        "classification-refused": CheckMeaning(
            "the artifact or an ancestor is classified more strictly than the policy allows",
            "A model inherits the strictest level of what it was made from. Use it where that level is allowed.",
        ),
        "content-not-checked": CheckMeaning(
            "the content could not be compared with what was signed",
            "Only digests of a kind that was not asked for are there, or nothing could be read. Verify without `--digests`, or have it signed again.",
        ),
        "contradicted": CheckMeaning(
            "the weights cannot come from what the statement names",
            "The bytes of both were compared. Find out from which artifact it was made, and have the statement revoked.",
        ),
        "contradiction": CheckMeaning(
            "trusted statements tell different stories of one artifact",
            "It is said to be made from different things. Have the statement that is wrong revoked.",
        ),
        "dataset-not-allowed": CheckMeaning(
            "a dataset at the end of the chain is not on the policy's list",
            "`[chain] allowed_datasets` lists the identities that may stand there. Add it if it may be used.",
        ),
        "described-otherwise": CheckMeaning(
            "a dataset states another SHA-256 than its file has",
            "Its Croissant document is about other bytes. Get the files again from the publisher; who publishes it corrects the description.",
        ),
        "excepted": CheckMeaning(
            "the policy excepts this artifact from a rule",
            "The exception has a reason and an end in the policy file. It changes the verdict until then.",
        ),
        "format-refused": CheckMeaning(
            "a file is of a format that the policy does not allow",
            "`[formats]` of the policy says which may be used. Convert it with `weightmark convert`, or ask for another format.",
        ),
        "gone": CheckMeaning(
            "there was an artifact, and nothing is there any more",
            "Somebody removed or moved it, or the disk it lies on is not there. `watch` judges it again when it comes back.",
        ),
        "hidden-by-ignore": CheckMeaning(
            "files lie under paths that the signer left out",
            "They are not covered by the signature. Another claim has to list them, or you accept it with `--ignore-paths`.",
        ),
        "inspection-not-run": CheckMeaning(
            "a layout asks for a command to be run on the verifier's machine",
            "Nothing that is judged is run. Name the artifact: its files are then compared with the products of the last step.",
        ),
        "license-refused": CheckMeaning(
            "a licence is not one that the policy allows",
            "`[licenses]` of the policy lists them. Use another artifact, or add the licence if it may be used.",
        ),
        "license-unstated": CheckMeaning(
            "nobody who is trusted says under which licence it is",
            "Have it stated with `weightmark attest --type dataset` or `--type cyclonedx`.",
        ),
        "limit": CheckMeaning(
            "the chain was not followed to its end",
            "It is longer or wider than the bounds, so nothing is known about the rest. Raise `--max-depth` if that is meant.",
        ),
        "missing-input": CheckMeaning(
            "a step does not name what it began with",
            "Nobody judges what is not named. Record the step again with `weightmark record --input NAME=PATH`, or vouch for what came from elsewhere.",
        ),
        "name-clash": CheckMeaning(
            "names mean the same file on another system",
            "They differ only in case or Unicode form, or Windows reserves them. Rename the files and sign again.",
        ),
        "not-a-member": CheckMeaning(
            "the proof shows the contrary of what was asked",
            "It is a sound proof that the member is, or with `--absent` is not, in the artifact.",
        ),
        "not-read": CheckMeaning(
            "only the identity of the artifact was named",
            "Nothing was read, so that only an earlier signed decision could answer, and none does. Gate the files themselves.",
        ),
        "not-recorded": CheckMeaning(
            "the decision did not record what another policy asks for",
            "A decision holds what its own policy asked for. Gate the artifact by the new policy to know.",
        ),
        "not-reproduced": CheckMeaning(
            "another decision follows from the recorded inputs",
            "The document was edited, or the rules of another version judge otherwise. Get it again from whoever decided.",
        ),
        "nothing-left": CheckMeaning(
            "everything that was signed was left out of the comparison",
            "With what you told it to ignore nothing remains to be verified. Leave less out.",
        ),
        "policy-expired": CheckMeaning(
            "the policy is past its own end",
            "Nothing is allowed by a policy that nobody renewed. Ask its owner for a new one.",
        ),
        "policy-refused": CheckMeaning(
            "the policy refuses the artifact",
            "`weightmark gate` with the same policy says which check did not pass, and how to mend it.",
        ),
        "products-differ": CheckMeaning(
            "the files are not those that the last step of the layout made",
            "The files are named. Get the artifact again from whoever ran the last step.",
        ),
        "remote-code": CheckMeaning(
            "the repository asks loaders to run its own code",
            "Its configuration names code that a loader imports. Use a model without it, or have the policy allow it.",
        ),
        "response-failed": CheckMeaning(
            "what a rule of `--respond` demands could not be done",
            "The verdict stands all the same. The record of acts says what was begun; do by hand what is missing, or mend the rule and call again.",
        ),
        "rule-refused": CheckMeaning(
            "a rule of the policy does not hold",
            "The rule is shown with what was found. Its owner says in the policy what to do.",
        ),
        "rule-unknown": CheckMeaning(
            "a rule of the policy asks for what nobody states",
            "It can't be judged without that statement, so it refuses. Have it stated by a role of the policy.",
        ),
        "stale-ledger": CheckMeaning(
            "the ledger is an old state, or lacks what was revoked before it began",
            "What was revoked since, or in the log before, is not in it. Consult the live ledger, fetch a newer checkpoint, or ask the operator.",
        ),
        "step-not-counted": CheckMeaning(
            "a step is stated by somebody who may not state it",
            "It counts for nothing. Name who may: `[chain] role` and `steps` of a policy, or a trust flag of `chain`.",
        ),
        "step-too-old": CheckMeaning(
            "a step was stated longer ago than the policy allows",
            "Have the step done again, or raise the policy's age if that is meant.",
        ),
        "step-undated": CheckMeaning(
            "nothing proves when a step was stated",
            "The policy asks for an age. A timestamp can be put there anew, so the time has to stand in what is signed as well: record it with `--tsa-url`, or keyless.",
        ),
        "too-deep": CheckMeaning(
            "the chain has more steps than the policy allows",
            "Raise `[chain] max_depth` if that is meant.",
        ),
        "unlinked-input": CheckMeaning(
            "an input of a step names no artifact by a strong digest",
            "Record the step again with `weightmark record --input NAME=PATH`, or give the signed manifest of that input with `--claims`.",
        ),
        "unpinned": CheckMeaning(
            "a name is used whose meaning can change",
            "Code or a manifest names a branch, a tag or nothing but a repository. Name the commit or the digest; `weightmark lock update` finds it.",
        ),
        "unproven-artifact": CheckMeaning(
            "nobody who is trusted says how an artifact was made, and nobody vouches for it",
            "If somebody does, name those claims with `--claims` or `--ledger`; if not, vouch for it with `weightmark attest --type approval`.",
        ),
        "unsafe-findings": CheckMeaning(
            "the scan found something at or over the threshold",
            "Each finding is shown with its place, and `weightmark explain RULE` tells why it matters.",
        ),
        "unsigned": CheckMeaning(
            "nobody whom you trust lists the files or approved them",
            "Ask the publisher for the signature; sign what is yours with `weightmark sign`. What is somebody else's and was looked through you can vouch for in your own name, with `weightmark attest PATH --type approval`.",
        ),
        "unsigned-file": CheckMeaning(
            "a file is there that nobody signed",
            "Remove it, or have the artifact signed as it stands.",
        ),
        "unstated-making": CheckMeaning(
            "an artifact is signed, and nobody who is trusted says how it was made",
            "Whoever holds a statement back would hide what went in, so a signature alone ends no chain. Name the claims that state its step, approve it if it comes from elsewhere, or list it in `[chain] allowed_bases` or `allowed_datasets`.",
        ),
        "unwitnessed": CheckMeaning(
            "too few witnesses cosigned the ledger's checkpoint",
            "Without them the operator could rewrite the ledger unseen. `weightmark ledger witness collect` asks them.",
        ),
        "wrong-role": CheckMeaning(
            "a step is stated only by somebody who may not state it",
            "The role of a step says who may. Have it stated by that role, or give the signer the role.",
        ),
        "younger-parent": CheckMeaning(
            "by verified clocks, what was made existed before what it was made from",
            "One of the statements is wrong. Find out which, and have it revoked.",
        ),
    }
)
"""every reason that is no error code, by its word, sorted"""

_OF_CLAIMS: Mapping[str, CheckMeaning] = MappingProxyType(
    {
        "-missing": CheckMeaning(
            "the policy asks for a claim that nobody entitled made",
            "`[require]` of the policy asks a role for it. The message names the command that makes it.",
        ),
        "-refused": CheckMeaning(
            "a claim that the policy asks for says the contrary",
            "Read what it says with `weightmark inspect`, and mend what it complains about.",
        ),
        "-too-few": CheckMeaning(
            "fewer signers state it than the policy asks for",
            "Have it stated by further members of the role.",
        ),
        "-too-old": CheckMeaning(
            "a claim is older than the policy allows",
            "Have it made again.",
        ),
        "-undated": CheckMeaning(
            "nothing proves when a claim was made",
            "The policy asks for an age. A timestamp can be put there anew, so the time has to stand in what is signed as well: sign with `--tsa-url`, or keyless.",
        ),
    }
)
_CLAIMS = frozenset(
    [
        "approval",
        "chain",
        "classification",
        "dataset",
        "licenses",
        "provenance",
        "release",
        "sbom",
        "scan",
        "test",
        "vulns",
    ]
)


def reason_of(code: str) -> CheckMeaning | None:
    """Return what a reason means; those about claims are `<kind>-missing` and its like."""
    for ending, meaning in _OF_CLAIMS.items():
        if code.endswith(ending) and code.removesuffix(ending) in _CLAIMS:
            return meaning
    return REASONS.get(code)
