"""What is said of a tree by its listing alone, whoever vouches for its content."""

from collections.abc import Sequence

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.foreign_digests import in_oms_set
from weightmark.provenance.names import escape_path

__all__ = ["tree_checks"]

_SHOWN = 100


def tree_checks(
    artifact: Artifact, uncovered: Sequence[str], *, allow_clashes: bool
) -> list[Check]:
    """Return what names, files that nobody signed (`uncovered`) and what lies outside give rise to."""
    checks = []
    if artifact.problems:
        details = tuple(str(problem) for problem in artifact.problems[:_SHOWN])
        count = len(artifact.problems)
        checks.append(
            Check(
                "names",
                Outcome.FAIL,
                f"{counted(count, 'extra entry', 'extra entries')} that nobody can sign",
                "an identity covers regular files with plain names only",
                "remove them",
                details,
                "artifact-refused",
            )
        )
    if not artifact.entries:
        checks.append(
            Check("files", Outcome.NOTHING, "the artifact holds no files", code="no-input")
        )
    clashes = () if allow_clashes else artifact.clashes
    if clashes:
        details = tuple(
            f"{' and '.join(f'`{escape_path(p)}`' for p in clash.paths)} {clash.reason}"
            for clash in clashes[:_SHOWN]
        )
        checks.append(
            Check(
                "names",
                Outcome.FAIL,
                f"{counted(len(clashes), 'name')} would be something else on other systems",
                "another machine could load another file than was verified",
                "rename them and sign again",
                details,
                "name-clash",
            )
        )
    if uncovered:
        checks.append(
            Check(
                "coverage",
                Outcome.INFO,
                "not covered by this signature",
                _why_uncovered(uncovered),
                "",
                tuple(f"`{escape_path(p)}`" for p in uncovered),
            )
        )
    checks += [
        Check(
            "outside",
            Outcome.INFO,
            f"`{part.path}` is not part of the artifact ({counted(part.files, 'file')})",
        )
        for part in artifact.outside
    ]
    return checks


def _why_uncovered(paths: Sequence[str]) -> str:
    """Say why files are uncovered: the caller left them out, or model signatures do."""
    if all(not in_oms_set(path) for path in paths):
        return "model signatures leave out root git files, and no manifest claim holds them"
    return (
        "nobody signed them, or they were left out as asked; anybody could put something else there"
    )
