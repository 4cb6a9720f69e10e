"""GitHub in short words: the rules that `gh attestation verify` builds from a repository, an owner, a workflow."""

import re
from collections.abc import Mapping
from dataclasses import replace

from weightmark.attestations.sigstore.identity import IdentityRule
from weightmark.errors import CallError

__all__ = ["GITHUB_ISSUER", "github_rule"]

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
"""the identity provider of GitHub Actions"""
_HOST = "https://github.com/"
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,98}[A-Za-z0-9])?")
_REPOSITORY = re.compile(rf"({_OWNER.pattern})/([A-Za-z0-9._-]{{1,100}})")
_WORKFLOW = re.compile(
    rf"(?:https://github\.com/)?({_REPOSITORY.pattern}/[^@\s]{{1,300}}\.ya?ml)(?:@(\S{{1,300}}))?"
)


def github_rule(
    *,
    repository: str = "",
    owner: str = "",
    workflow: str = "",
    issuer: str = "",
    extensions: Mapping[str, str] | None = None,
) -> IdentityRule:
    """Return the rule for workflows of a repository or of an owner's repositories; raises `CallError`.

    Without `workflow` the workflow that signs must stand in that repository, or in one of the
    owner's. With it exactly that workflow must have signed, wherever it stands, and the repository
    says whose build it was.
    """
    required = dict(extensions or {})
    if repository:
        if not _REPOSITORY.fullmatch(repository):
            raise CallError(
                f"`{repository[:100]}` is no repository on GitHub",
                fix="write it as `--repo OWNER/NAME`",
            )
        required["source-repository"] = _HOST + repository
    if owner:
        if not _OWNER.fullmatch(owner):
            raise CallError(
                f"`{owner[:100]}` is no owner on GitHub", fix="write it as `--owner OWNER`"
            )
        if repository and repository.partition("/")[0] != owner:
            raise CallError(
                "`--repo` and `--owner` contradict each other", fix="leave `--owner` out"
            )
        required["source-repository-owner"] = _HOST + owner
    if workflow and not (repository or owner):
        raise CallError(
            "a workflow is trusted, but not whose builds",
            why="a workflow that can be reused signs for everybody who calls it",
            fix="name the repository that was built with `--repo OWNER/NAME`, or its owner with `--owner`",
        )
    place = _HOST + (repository or owner)
    pattern = re.escape(place) + "/.+" if not workflow else _workflow_pattern(workflow)
    rule = IdentityRule.regex(pattern, issuer=issuer or GITHUB_ISSUER, extensions=required)
    return replace(rule, text=f"{_HOST}{workflow}" if workflow else f"{place}/**")


def _workflow_pattern(workflow: str) -> str:
    match = _WORKFLOW.fullmatch(workflow)
    if match is None:
        raise CallError(
            f"`{workflow[:200]}` is no workflow on GitHub",
            fix="write it as `--signer-workflow OWNER/NAME/.github/workflows/FILE.yml`, with `@REF` for one ref",
        )
    path, ref = match[1], match[4]
    return re.escape(_HOST + path) + "@" + (re.escape(ref) if ref else ".+")
