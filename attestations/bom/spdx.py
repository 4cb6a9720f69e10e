"""SPDX 3.0.1 with AI and Dataset profiles: JSON-LD, built with the bindings of the published model.

The bindings check every value against the model's shapes; a missing one is exit 4 with the pip command.
Profiles are declared only where the document meets their cardinalities: nothing is filled in for that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from weightmark import __version__
from weightmark.attestations.bom.completeness import completeness_of
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomContent,
    BomFile,
    BomInput,
    BomStep,
    Fact,
    the_only,
)
from weightmark.attestations.bom.metrics import Metric
from weightmark.attestations.bom.naming import document_uuid, input_reference, is_iri
from weightmark.attestations.bom.properties import (
    about_content,
    about_document,
    about_source,
    about_weights,
)
from weightmark.attestations.licenses.license import License, LicenseForm
from weightmark.attestations.predicates.steps import BUILD_TYPE_PREFIX, STEPS
from weightmark.errors import ExtraMissingError
from weightmark.provenance.manifest import IDENTITY_PREFIX

__all__ = ["SPDX_VERSION", "spdx_document"]

SPDX_VERSION = "3.0.1"
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_FILES_AT_ONCE = 1000
_EVALUATION = "evaluation-data"

Json = dict[str, Any]


def spdx_document(content: BomContent) -> Json:
    """Return the document; the same content gives the same one. Raises `ExtraMissingError`."""
    writer = _Writer(_bindings(), content)
    writer.write()
    return writer.document()


def _bindings() -> Any:
    try:
        from spdx_python_model.bindings.v3_0_1 import model
    except ImportError as error:
        raise ExtraMissingError(
            "SPDX documents need the bindings of its model, which are not installed",
            why="they hold every value against the published shapes",
            fix="install them with `pip install 'weightmark[bom]'`, or use `--format cyclonedx`",
        ) from error
    return model


class _Writer:
    """Collects the elements of one document."""

    def __init__(self, model: "Any", content: BomContent) -> None:
        self._model: Any = model
        self._content = content
        # the other form holds all that there is to say, so that its digest names this document as well
        self._base = f"urn:uuid:{document_uuid('spdx', cyclonedx_document(content))}#"
        self._elements: dict[str, Any] = {}
        self._graph: list[Json] = []
        self._files: list[str] = []
        self._info = self._creation_info()
        self._conforms: dict[str, bool] = {}

    def write(self) -> None:
        """Add everything that the content says."""
        content = self._content
        root = self._root()
        for one in content.ancestors:
            self._package(one)
        for step in content.steps:
            self._build(step)
        self._claims(root)
        if not content.single:
            self._add_files(content.files)
            if self._files:
                self._relate(root, "contains", self._files, "files", complete=True)
        sbom = self._add(
            self._model.software_Sbom,
            "sbom",
            rootElement=[root],
            element=sorted({*self._elements, *self._files}),
            software_sbomType=[self._model.software_SbomType.analyzed],
        )
        self._add(
            self._model.SpdxDocument,
            "document",
            name=content.name.value,
            rootElement=[sbom],
            element=sorted({*self._elements, *self._files}),
            profileConformance=self._profiles(),
            extension=self._extension(about_document(content, completeness_of(content))),
        )

    def document(self) -> Json:
        """Return the JSON-LD, elements by their id."""
        found = self._serialized(self._elements.values(), whole=True)
        context, graph = found["@context"], found["@graph"]
        head = [one for one in graph if one["type"] == "CreationInfo"]
        rest = [one for one in graph if one["type"] != "CreationInfo"] + self._graph
        return {
            "@context": context,
            "@graph": [*head, *sorted(rest, key=lambda one: str(one["spdxId"]))],
        }

    def _creation_info(self) -> Any:
        moment = self._content.moment
        info = self._model.CreationInfo(
            specVersion=SPDX_VERSION,
            created=(moment or _UNKNOWN_TIME).astimezone(UTC).replace(microsecond=0),
        )
        if not moment:
            info.comment = "the time is unknown: no claim has a verified time; 1970 stands for that"
        agent = self._model.SoftwareAgent(
            spdxId=f"{self._base}agent", creationInfo=info, name=f"weightmark {__version__}"
        )
        info.createdBy = [agent]
        self._elements[f"{self._base}agent"] = agent
        return info

    def _add(self, kind: Any, mark: str, /, **fields: Any) -> str:
        """Add one element, once; return its id."""
        identifier = f"{self._base}{quote(mark, safe=':')}"
        if identifier not in self._elements:
            given = {key: value for key, value in fields.items() if value not in (None, "", [])}
            self._elements[identifier] = kind(spdxId=identifier, creationInfo=self._info, **given)
        return identifier

    def _add_files(self, files: Sequence[BomFile]) -> None:
        """Add file elements a thousand at a time: the bindings hold much for each."""
        algorithm = self._model.HashAlgorithm
        for begin in range(0, len(files), _FILES_AT_ONCE):
            made = []
            for number, one in enumerate(files[begin : begin + _FILES_AT_ONCE], begin + 1):
                identifier = f"{self._base}file-{number}"
                self._files.append(identifier)
                hashes = [
                    self._model.Hash(algorithm=algorithm.sha256, hashValue=one.sha256),
                    self._model.Hash(algorithm=algorithm.blake3, hashValue=one.blake3),
                ]
                made.append(
                    self._model.software_File(
                        spdxId=identifier,
                        creationInfo=self._info,
                        name=one.path,
                        verifiedUsing=hashes,
                        extension=self._extension([("weightmark:size", str(one.size))]),
                    )
                )
            self._graph += [
                one
                for one in self._serialized(made, whole=False)["@graph"]
                if one["type"] == "software_File"
            ]

    def _serialized(self, elements: Iterable[Any], *, whole: bool) -> Json:
        """Return elements as JSON; parts of a document refer to what stands elsewhere in it."""
        objects = self._model.SHACLObjectSet()
        for one in elements:
            objects.add(one)
        if not whole:
            objects.add(self._elements[f"{self._base}agent"])
        found: Json = self._model.JSONLDSerializer().serialize_data(objects, force_at_graph=True)
        return found

    def _root(self) -> str:
        content = self._content
        is_data = content.kind.value == "dataset"
        digests = [content.identity.removeprefix(IDENTITY_PREFIX)]
        blake3 = ""
        if content.single and content.files:
            digests, blake3 = [content.files[0].sha256], content.files[0].blake3
        fields = self._package_fields(content.facts, digests[0], blake3)
        fields |= self._data_fields(content.facts) if is_data else self._model_fields()
        if is_iri(content.address):
            fields["software_downloadLocation"] = content.address
        properties = [*about_content(content), *about_weights(content)]
        root = self._add(
            self._model.dataset_DatasetPackage if is_data else self._model.ai_AIPackage,
            "artifact",
            name=content.name.value,
            extension=self._extension(properties),
            **fields,
        )
        self._note_profile(fields, is_data=is_data)
        self._license(root, content.known("licenses"))
        return root

    def _package(self, one: BomAncestor) -> str:
        digest = one.identity.removeprefix(IDENTITY_PREFIX)
        fields = self._package_fields(one.facts, digest, "")
        if one.is_data:
            fields |= self._data_fields(one.facts)
        if is_iri(one.uri):
            fields["software_downloadLocation"] = one.uri
        fields.setdefault("software_primaryPurpose", self._model.software_SoftwarePurpose.model)
        package = self._add(
            self._model.dataset_DatasetPackage if one.is_data else self._model.ai_AIPackage,
            _name_of(one),
            name=one.name,
            extension=self._extension(about_source(one)),
            **fields,
        )
        self._note_profile(fields, is_data=one.is_data)
        self._license(package, one.facts.get("licenses", ()))
        return package

    def _package_fields(
        self, facts: Mapping[str, tuple[Fact, ...]], sha256: str, blake3: str
    ) -> dict[str, Any]:
        supplier, purl = _believed(facts, "supplier"), _believed(facts, "purl")
        algorithm = self._model.HashAlgorithm
        hashes = [(algorithm.sha256, sha256), (algorithm.blake3, blake3)]
        return {
            "software_packageVersion": _believed(facts, "version"),
            "software_packageUrl": purl if is_iri(purl) else "",
            "software_copyrightText": _believed(facts, "copyright"),
            "description": _believed(facts, "description"),
            "suppliedBy": self._party(supplier) if supplier else "",
            "verifiedUsing": [
                self._model.Hash(algorithm=name, hashValue=value) for name, value in hashes if value
            ],
        }

    def _party(self, name: str) -> str:
        return self._add(self._model.Organization, f"party:{name}", name=name)

    def _model_fields(self) -> dict[str, Any]:
        facts = self._content.facts
        kinds = [_believed(facts, name) for name in ("architecture", "architecture-family")]
        limitations = _all(facts.get("limitations", ()))
        uses = [*_all(facts.get("task", ())), *_all(facts.get("use-cases", ()))]
        return {
            "software_primaryPurpose": self._model.software_SoftwarePurpose.model,
            "ai_typeOfModel": [kind for kind in kinds if kind],
            "ai_limitation": "; ".join(limitations),
            "ai_informationAboutApplication": "; ".join(uses),
            "ai_hyperparameter": [
                self._entry(name, value)
                for step in self._content.steps
                if step.output == self._content.identity
                for name, value in step.parameters
            ],
            "ai_metric": [
                self._entry(f"{one.type}, {one.slice}" if one.slice else one.type, one.value)
                for one in map(Metric.read, _all(facts.get("metrics", ())))
            ],
        }

    def _data_fields(self, facts: Mapping[str, tuple[Fact, ...]]) -> dict[str, Any]:
        records, personal = _believed(facts, "records"), _believed(facts, "personal-data")
        collected = _believed(facts, "collected")
        presence = self._model.PresenceType
        said = {"none": presence.no, "present": presence.yes, "pseudonymized": presence.yes}
        return {
            "software_primaryPurpose": self._model.software_SoftwarePurpose.data,
            "dataset_datasetType": [self._model.dataset_DatasetType.noAssertion],
            "dataset_datasetSize": int(records) if records else None,
            "dataset_dataCollectionProcess": f"collected: {collected}" if collected else "",
            "dataset_hasSensitivePersonalInformation": said.get(personal, ""),
        }

    def _note_profile(self, fields: Mapping[str, Any], *, is_data: bool) -> None:
        """Notice what keeps the document from meeting the cardinalities of a profile (AIPackage, DatasetPackage)."""
        asked = ["releaseTime", "software_downloadLocation", "software_primaryPurpose"]
        asked += (
            ["builtTime", "originatedBy"] if is_data else ["software_packageVersion", "suppliedBy"]
        )
        profile = "dataset" if is_data else "ai"
        met = all(fields.get(name) for name in asked)
        self._conforms[profile] = met and self._conforms.get(profile, True)

    def _profiles(self) -> list[str]:
        kinds = self._model.ProfileIdentifierType
        names = ["core", "software", "simpleLicensing", "extension"]
        names += ["build"] if self._content.steps else []
        names += [name for name, conforms in self._conforms.items() if conforms]
        return [getattr(kinds, name) for name in names]

    def _license(self, package: str, facts: Iterable[Fact]) -> None:
        """Relate a package to each licence that is claimed for it."""
        for fact in facts:
            for said in fact.values if fact.is_known else ():
                license_ = self._license_of(License.read(said))
                self._relate(
                    package,
                    "hasDeclaredLicense",
                    [license_],
                    f"{said}:{fact.source.claim_id}:{fact.source.signer}",
                    comment=fact.source.words,
                )

    def _license_of(self, license_: License) -> str:
        model = self._model
        if license_.form is not LicenseForm.NAMED:
            return self._add(
                model.simplelicensing_LicenseExpression,
                f"license:{license_.text}",
                simplelicensing_licenseExpression=license_.text,
            )
        name = license_.reference
        text = self._add(
            model.simplelicensing_SimpleLicensingText,
            f"license-text:{name}",
            name=license_.text,
            simplelicensing_licenseText=license_.text,
        )
        return self._add(
            model.simplelicensing_LicenseExpression,
            f"license:{name}",
            simplelicensing_licenseExpression=name,
            simplelicensing_customIdToUri=[self._entry(name, text)],
        )

    def _build(self, step: BomStep) -> None:
        """Add one step with what went into it and what came out."""
        parameters = [self._entry(name, value) for name, value in step.parameters]
        parameters += [self._entry(one.name, one.uri) for one in step.inputs if one.circumstance]
        build = self._add(
            self._model.build_Build,
            f"step:{step.source.claim_id}:{step.output}",
            name=step.kind,
            build_buildType=_build_type(step.kind),
            build_buildId=f"sha256:{step.source.claim_id}",
            build_buildStartTime=step.started.replace(microsecond=0) if step.started else None,
            build_buildEndTime=step.finished.replace(microsecond=0) if step.finished else None,
            build_parameter=parameters,
            extension=self._extension(
                [("weightmark:builder", step.builder), ("weightmark:source", step.source.words)]
            ),
        )
        inputs = [found for one in step.inputs if (found := self._input_of(step, one))]
        if inputs:
            self._relate(build, "hasInput", sorted(set(inputs)))
        output = self._id_of(step.output)
        if output is None:
            return
        self._relate(build, "hasOutput", [output])
        for one in step.inputs:
            found = self._input_of(step, one)
            if found:
                self._descent(output, found, one, step)

    def _descent(self, output: str, found: str, one: BomInput, step: BomStep) -> None:
        comment = step.source.words
        if not isinstance(self._elements[found], self._model.dataset_DatasetPackage):
            self._relate(found, "ancestorOf", [output], comment=comment)
        elif one.role == _EVALUATION:
            self._relate(output, "testedOn", [found], comment=comment)
        else:
            self._relate(output, "trainedOn", [found], comment=comment)

    def _input_of(self, step: BomStep, one: BomInput) -> str | None:
        if one.circumstance:
            return None
        if one.identity:
            return self._id_of(one.identity)
        name = input_reference(step.source.claim_id, one.name, one.uri)
        return self._existing(name)

    def _id_of(self, identity: str) -> str | None:
        return self._existing("artifact" if identity == self._content.identity else identity)

    def _existing(self, name: str) -> str | None:
        identifier = f"{self._base}{quote(name, safe=':')}"
        return identifier if identifier in self._elements else None

    def _claims(self, root: str) -> None:
        """Add what each verified claim says, as an annotation by its type, signer and digest."""
        for one in self._content.claims:
            when = f", existed at {one.at:%Y-%m-%dT%H:%M:%SZ}" if one.at else ""
            self._add(
                self._model.Annotation,
                f"claim:{one.claim_id}:{one.signer}",
                annotationType=self._model.AnnotationType.other,
                subject=root,
                contentType="text/plain",
                statement=f"{one.summary}; signed by {one.signer}, {one.predicate_type},"
                f" sha256:{one.claim_id}{when}",
            )

    def _relate(
        self,
        from_: str,
        kind: str,
        to: Sequence[str],
        mark: str = "",
        *,
        comment: str = "",
        complete: bool | None = None,
    ) -> None:
        completeness = self._model.RelationshipCompleteness
        said = {True: completeness.complete, False: completeness.incomplete}
        text = "\0".join([from_, kind, *(to if len(to) <= 1 else to[:1]), mark, comment])
        self._add(
            self._model.Relationship,
            input_reference(text, "", "").replace("input:", "relationship:"),
            from_=from_,
            relationshipType=getattr(self._model.RelationshipType, kind),
            to=list(to),
            comment=comment,
            completeness=said[complete] if complete is not None else None,
        )

    def _entry(self, key: str, value: str) -> Any:
        return self._model.DictionaryEntry(key=key, value=value)

    def _extension(self, pairs: Iterable[tuple[str, str]]) -> list[Any]:
        entries = [
            self._model.extension_CdxPropertyEntry(
                extension_cdxPropName=name, extension_cdxPropValue=value
            )
            for name, value in pairs
            if value
        ]
        kind = self._model.extension_CdxPropertiesExtension
        return [kind(extension_cdxProperty=entries)] if entries else []


def _name_of(one: BomAncestor) -> str:
    return one.identity or input_reference(one.source.claim_id, one.name, one.uri)


def _build_type(kind: str) -> str:
    if kind in STEPS:
        return f"{BUILD_TYPE_PREFIX}{kind}/v1"
    return kind if is_iri(kind) else f"{BUILD_TYPE_PREFIX}{quote(kind, safe='')}"


def _believed(facts: Mapping[str, tuple[Fact, ...]], name: str) -> str:
    """Return a value that somebody answers for."""
    fact = the_only(facts.get(name, ()))
    return fact.value if fact.is_known else ""


def _all(facts: Iterable[Fact]) -> Iterator[str]:
    return iter(dict.fromkeys(value for fact in facts if fact.is_known for value in fact.values))
