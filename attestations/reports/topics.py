"""Topics: each kind of evidence that can be found by itself, what is known of it, and the command that supplies it."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from weightmark.attestations.checks import counted
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.bom import BillOfMaterials
from weightmark.attestations.predicates.classification import ClassificationClaim
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.dataset import DatasetClaim
from weightmark.attestations.predicates.deployment import DeploymentClaim
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.predicates.test_result import ResultOfTests
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.predicates.vulns import VulnerabilityReport
from weightmark.attestations.reports.claims import CountedClaim, has_looked
from weightmark.attestations.reports.dossier import Ancestor, Dossier
from weightmark.attestations.reports.interface import Line, Topic
from weightmark.attestations.reports.words import bounded
from weightmark.provenance.ledger.event import format_time

__all__ = ["TOPICS", "is_data", "line_of", "lines_of"]

_SHOWN = 20
_DATA = frozenset({"data", "evaluation-data"})
_SOFTWARE = ("system", "release", "machine", "python", "container", "packages", "gpu_driver")
_HARDWARE = ("processor", "cpus", "memory", "gpus", "gpu_driver")


def line_of(claim: CountedClaim, text: str, *, bad: bool = False) -> Line:
    """Make a line out of a claim that counts; whatever its length, the text is bounded."""
    return Line(
        bounded(text),
        f"sha256:{claim.verified.claim_id}",
        claim.entry,
        claim.verified.signer.name,
        claim.right,
        claim.at,
        claim.clock,
        bad,
    )


def lines_of(topic: str, dossier: Dossier) -> tuple[Line, ...]:
    """Return what is known of a topic, the newest last."""
    return tuple(TOPICS[topic].find(dossier))


def is_data(one: Ancestor) -> bool:
    """Tell whether something that went in was data, by the step's word or because somebody described it as such."""
    return one.role in _DATA or any(claim.kind == "dataset" for claim in one.claims)


def _identity(dossier: Dossier) -> Iterator[Line]:
    measured = dossier.measured
    if measured and measured.identity:
        files = counted(measured.files, "file")
        yield Line(f"{measured.identity}, read here: {files}, {measured.size} bytes")
        return
    for one in dossier.of("release"):
        yield line_of(one, f"{dossier.identity}, as its signer lists its files")


def _files(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.of("release"):
        if isinstance(one.predicate, ManifestClaim):
            rows = one.predicate.manifest.rows
            named = "; ".join(
                f"{row.path} sha256:{one.predicate.sha256[row.path]}" for row in rows[:_SHOWN]
            )
            more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
            yield line_of(one, f"{counted(len(rows), 'file')}: {named}{more}")
        elif isinstance(one.predicate, CompactManifest):
            list_ = f"list {one.predicate.list_digest}"
            yield line_of(one, f"{counted(one.predicate.count, 'file')}, {list_}")


def _signature(dossier: Dossier) -> Iterator[Line]:
    """Yield who signed the files; nobody where the content could not be compared with what they signed."""
    measured = dossier.measured
    same = " and the content was compared with it" if measured and measured.compared_with else ""
    if measured is None or measured.is_checked:
        for one in dossier.of("release"):
            yield line_of(one, f"its files are signed{same}")
        yield from _by_model_signature(dossier)
    for problem in measured.problems if measured else ():
        yield Line(bounded(problem), bad=True)


def _by_model_signature(dossier: Dossier) -> Iterator[Line]:
    """Yield signers whose model signature lists the content that was read; it names no identity."""
    claimed = {one.verified.signer.name for one in dossier.of("release")}
    for signer in dossier.measured.compared_with if dossier.measured else ():
        if signer not in claimed:
            yield Line(
                "the content is what this signer lists", signer=signer, right="verified here"
            )


def _name(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.of("release"):
        name = one.verified.statement.subjects[0].name
        if name:
            yield line_of(one, f"called {name}")


def _versions(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.versions:
        subject = one.verified.statement.subjects[0]
        yield line_of(one, f"another release of the same name by this signer: {subject.identity}")
    for parent in dossier.ancestors:
        if parent.child == dossier.identity and not is_data(parent):
            yield line_of(parent.step, f"made from {parent.identity} ({parent.name})")


def _making(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("provenance", SlsaProvenance):
        step = said.step or said.build_type
        inputs = counted(len(said.dependencies), "input")
        yield line_of(one, f"step {step} of {inputs}, by builder {said.builder}")


def _parameters(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("provenance", SlsaProvenance):
        told = _flat(said.external_parameters)
        if told:
            yield line_of(one, f"parameters: {told}")


def _bases(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.ancestors:
        if not is_data(one):
            vouched = "" if one.claims else "; nothing that counts is known of it"
            yield line_of(one.step, f"{one.identity} ({one.name}) went into {one.child}{vouched}")


def _data(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.ancestors:
        if is_data(one):
            yield line_of(one.step, f"{one.identity} ({one.name}) went in as {one.role or 'data'}")


def _descriptions(dossier: Dossier) -> Iterator[Line]:
    claims: Iterable[CountedClaim] = dossier.of("dataset")
    about = [(dossier.identity, one) for one in claims]
    about += [
        (parent.identity, one)
        for parent in dossier.ancestors
        for one in parent.claims
        if one.kind == "dataset"
    ]
    for identity, one in about:
        if isinstance(one.predicate, DatasetClaim):
            yield line_of(one, f"{identity}: {_described(one.predicate)}")


def _described(said: DatasetClaim) -> str:
    told = {
        "licence": said.license,
        "from": ", ".join(said.sources[:_SHOWN]),
        "collected": said.collected,
        "records": said.records,
        "personal data": said.personal_data,
    }
    return "; ".join(f"{name} {value}" for name, value in told.items() if value)


def _software(dossier: Dossier) -> Iterator[Line]:
    yield from _environment(dossier, _SOFTWARE, "software")


def _hardware(dossier: Dossier) -> Iterator[Line]:
    yield from _environment(dossier, _HARDWARE, "hardware")


def _environment(dossier: Dossier, names: tuple[str, ...], what: str) -> Iterator[Line]:
    for one, said in dossier.said("provenance", SlsaProvenance):
        seen = said.internal_parameters.get("environment", said.internal_parameters)
        facts = (
            {name: seen[name] for name in names if name in seen} if isinstance(seen, dict) else {}
        )
        told = _flat(facts)
        if told:
            yield line_of(one, f"{what} of the run, by its recorder's word: {told}")


def _tests(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("test", ResultOfTests):
        failed = f"; failed: {', '.join(said.failed[:_SHOWN])}" if said.failed else ""
        tests = f"{len(said.passed)} passed, {len(said.warned)} warned, {len(said.failed)} failed"
        yield line_of(one, f"{said.result}: {tests}{failed}", bad=one.is_bad)


def _scans(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("scan", ScanClaim):
        findings = counted(len(said.findings), "finding")
        said_by = said.scanner or "nobody"
        yield line_of(one, f"{said.result}, {findings}, by {said_by}", bad=one.is_bad)


def _looked(dossier: Dossier) -> Iterator[Line]:
    """Yield scans that looked at something: a claim that says `not-scanned` is no evidence of a scan."""
    looked = {
        f"sha256:{one.verified.claim_id}"
        for one, said in dossier.said("scan", ScanClaim)
        if has_looked(said)
    }
    yield from (line for line in _scans(dossier) if line.claim in looked)


def _vulns(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("vulns", VulnerabilityReport):
        known = ", ".join(vulnerability.id for vulnerability in said.vulnerabilities[:_SHOWN])
        count = counted(len(said.vulnerabilities), "known vulnerability", "known vulnerabilities")
        yield line_of(one, f"{count}{f': {known}' if known else ''}, by {said.scanner}")


def _boms(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("sbom", BillOfMaterials):
        yield line_of(one, f"{said.form} {said.version}")


def _licenses(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("dataset", DatasetClaim):
        yield line_of(one, f"licence {said.license}")


def _classifications(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("classification", ClassificationClaim):
        yield line_of(one, f"level {said.level}{f': {said.reason}' if said.reason else ''}")


def _approvals(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("approval", ApprovalClaim):
        end = f", until {format_time(said.expires)}" if said.expires else ", without an end"
        yield line_of(one, f"approved{end}: {said.reason}")


def _decisions(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("decision", VerificationSummary):
        word = "PASSED" if said.passed else "FAILED"
        policy = f"policy {said.policy_uri} sha256:{said.policy_sha256}"
        yield line_of(one, f"{word} by {said.verifier}, {policy}", bad=one.is_bad)


def _deployments(dossier: Dossier) -> Iterator[Line]:
    for one, said in dossier.said("deployment", DeploymentClaim):
        yield line_of(one, f"deployed to {said.target}")


def _revocations(dossier: Dossier) -> Iterator[Line]:
    if dossier.head is None:
        return
    if not dossier.revocations:
        yield Line(
            f"no revocation of it in force among {dossier.head.size} entries of {dossier.head.origin}"
        )
    yield from (line for _, line in dossier.revocations)


def _record(dossier: Dossier) -> Iterator[Line]:
    if dossier.head is None:
        return
    entries = sum(one.logged is not None for one in dossier.claims.counted)
    if entries:
        root = f"root sha256:{dossier.head.root}"
        yield Line(
            f"{counted(entries, 'entry', 'entries')} that count in the append-only ledger "
            f"{dossier.head.origin}, size {dossier.head.size}, {root}"
        )


def _times(dossier: Dossier) -> Iterator[Line]:
    for one in dossier.claims.counted:
        if one.verified.time:
            yield line_of(one, f"the {one.kind} claim existed, by a verified clock")


def _signers(dossier: Dossier) -> Iterator[Line]:
    told: dict[str, tuple[CountedClaim, set[str]]] = {}
    for one in dossier.claims.counted:
        told.setdefault(one.verified.signer.name, (one, set()))[1].add(f"{one.kind} ({one.right})")
    for claim, kinds in told.values():
        yield line_of(claim, f"signed {', '.join(sorted(kinds))}")


def _policy(dossier: Dossier) -> Iterator[Line]:
    policy = dossier.jury.policy
    if policy is not None and not policy.is_preset:
        yield Line(bounded(f"policy {policy.name}, {policy.uri}, sha256:{policy.sha256}"))
    yield from _decisions(dossier)


def _flat(value: object, depth: int = 0) -> str:
    """Return the texts and numbers of a JSON value in one line."""
    if isinstance(value, Mapping) and depth < _DEPTH:
        told = ((name, _flat(one, depth + 1)) for name, one in list(value.items())[:_SHOWN])
        return ", ".join(f"{name}: {text}" for name, text in told if text)
    if isinstance(value, list) and depth < _DEPTH:
        return " ".join(filter(None, (_flat(one, depth + 1) for one in value[:_SHOWN])))
    return str(value) if isinstance(value, str | int | float) else ""


_DEPTH = 4
_ATTEST = "weightmark attest PATH --type {} --predicate FILE --key KEY"
_ENTER = "weightmark ledger append PATH/model.claims --ledger LEDGER --key KEY"
_RECORD = "weightmark record --step STEP --input NAME=PATH --output PATH --key KEY -- COMMAND"
_GATE = "weightmark gate PATH --policy FILE --ledger LEDGER --record --signing-key KEY"
_SIGN = "weightmark sign PATH --key KEY"

_ALL = (
    Topic("approval", "an approval that has not ended", _approvals, 'weightmark attest PATH --type approval --reason "…" --key KEY'),
    Topic("bases", "what it was made from, by digest", _bases, _RECORD),
    Topic("bom", "a bill of materials", _boms, _ATTEST.format("cyclonedx")),
    Topic("classification", "a classification", _classifications, _ATTEST.format("classification")),
    Topic("data", "the data that went in, by digest", _data, _RECORD),
    Topic("dataset", "a description of the data", _descriptions, _ATTEST.format("dataset")),
    Topic("decision", "a gate's decision", _decisions, _GATE),
    Topic("deployment", "a deployment", _deployments, _ATTEST.format("deployment")),
    Topic("files", "a signed list of its files", _files, _SIGN),
    Topic("hardware", "the hardware of a recorded run", _hardware, _RECORD),
    Topic("identity", "its identity", _identity, _SIGN),
    Topic("license", "a licence that somebody states", _licenses, _ATTEST.format("dataset")),
    Topic("making", "how it was made", _making, _RECORD),
    Topic("name", "a name that its signer gives it", _name, _SIGN),
    Topic("parameters", "the parameters of a recorded run", _parameters, _RECORD),
    Topic("policy", "a policy, or a decision that names one", _policy, _GATE),
    Topic("record", "entries of a ledger", _record, _ENTER),
    Topic("revocation", "a ledger that was asked for revocations", _revocations, "weightmark report PATH --ledger LEDGER …", lasting=True),
    Topic("scan", "a scan", _looked, _SIGN),
    Topic("signature", "a signature over its files", _signature, _SIGN, lasting=True),
    Topic("signers", "signers whose word counts", _signers, _SIGN),
    Topic("software", "the software of a recorded run", _software, _RECORD),
    Topic("test", "a test result", _tests, _ATTEST.format("test-result"), lasting=True),
    Topic("times", "a time by a verified clock", _times, "weightmark sign PATH --key KEY --tsa-url URL"),
    Topic("versions", "its relation to other versions", _versions, _ENTER),
    Topic("vulns", "a report of known vulnerabilities", _vulns, _ATTEST.format("vulns")),
)  # fmt: skip
TOPICS: Mapping[str, Topic] = MappingProxyType({one.id: one for one in _ALL})
"""every topic by its id"""
