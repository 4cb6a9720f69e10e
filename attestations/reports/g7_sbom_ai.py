"""Minimum elements of an SBOM for AI, by the G7 Cybersecurity Working Group: seven clusters."""

from weightmark.attestations.reports.interface import Framework, Item

__all__ = ["G7_SBOM_AI"]

_MD, _SLP, _MDL = "cluster Metadata", "cluster System Level Properties", "cluster Models"
_DP, _INF = "cluster Dataset Properties", "cluster Infrastructure"
_SP, _KPI = "cluster Security Properties", "cluster Key Performance Indicators"

_ITEMS = (
    Item("MD-1", "author of the SBOM, and its signature", _MD, ("bom", "signers")),
    Item("MD-2", "version, format and tool of the SBOM", _MD, ("bom",)),
    Item("MD-3", "time and context of its making", _MD, ("bom", "times")),
    Item("MD-4", "relations between the parts", _MD, ("bases", "data")),
    Item("SLP-1", "name, version and producer of the system", _SLP, ("name", "versions"), "name the system of which the artifact is a part"),
    Item("SLP-2", "components of the system", _SLP, ("bom",), "name services, agents and databases around it"),
    Item("SLP-3", "flow and use of data", _SLP, (), "describe it"),
    Item("SLP-4", "input and output", _SLP, (), "describe them"),
    Item("SLP-5", "intended area of application", _SLP, (), "state it"),
    Item("MDL-1", "name and version of the model", _MDL, ("name", "versions")),
    Item("MDL-2", "identifier of the model", _MDL, ("identity",)),
    Item("MDL-3", "producer of the model", _MDL, ("signature",), "name who stands behind the key"),
    Item("MDL-4", "hash value and algorithm", _MDL, ("files", "identity")),
    Item("MDL-5", "time of the model", _MDL, ("times",)),
    Item("MDL-6", "properties and limits of the model", _MDL, ("parameters",), "describe architecture, properties and limits"),
    Item("MDL-7", "how its weights were produced", _MDL, ("making", "bases", "data")),
    Item("MDL-8", "licence of the model", _MDL, ("license",)),
    Item("MDL-9", "external references", _MDL, ("bom",), "name model card and documentation"),
    Item("DP-1", "name and identifier of each dataset", _DP, ("data",)),
    Item("DP-2", "hash value of each dataset", _DP, ("data",)),
    Item("DP-3", "content and statistical properties", _DP, ("dataset",), "describe content and distribution"),
    Item("DP-4", "provenance of the data", _DP, ("data", "dataset")),
    Item("DP-5", "sensitivity of the data", _DP, ("dataset", "classification")),
    Item("DP-6", "licence of each dataset", _DP, ("dataset",)),
    Item("INF-1", "software on which it runs", _INF, ("software",), "the evidence is of the software by which it was made; name that on which it runs"),
    Item("INF-2", "hardware on which it runs", _INF, ("hardware",), "the evidence is of the hardware on which it was made; name that on which it runs"),
    Item("SP-1", "security controls", _SP, ("signature", "scan", "decision"), "name the controls around the system"),
    Item("SP-2", "compliance and policies of security", _SP, ("policy",), "name standards and policies"),
    Item("SP-3", "references to vulnerabilities", _SP, ("vulns", "revocation")),
    Item("KPI-1", "security metrics", _KPI, ("test",), "name the metrics"),
    Item("KPI-2", "operational performance", _KPI, ("test",), "state it, and how it is monitored"),
)  # fmt: skip

G7_SBOM_AI = Framework(
    "g7-sbom-ai",
    "SBOM for AI: minimum elements",
    "G7 Cybersecurity Working Group, SBOM for AI - Minimum Elements, 12 May 2026 (voluntary)",
    _ITEMS,
)
"""its seven clusters; the numbers within a cluster are ours, the document has none"""
