"""NIST SP 800-218 (SSDF 1.1) with the community profile SP 800-218A for generative AI: tasks that artifacts are evidence for."""

from weightmark.attestations.reports.interface import Framework, Item

__all__ = ["SSDF"]

_BASE = "SP 800-218, "
_PROFILE = "SP 800-218A, "
_ORGANISATION = "describe it; no artifact can show it"

_ITEMS = (
    Item("PO.1.1", "security requirements of development are identified", _BASE + "PO.1.1", ("policy",), "name the requirements that stand outside of the policy"),
    Item("PO.1.2", "security requirements of the software are identified", _BASE + "PO.1.2", ("policy",), "name them, and those for models"),
    Item("PO.1.3", "requirements are passed on to suppliers", _BASE + "PO.1.3", ("bases", "approval"), "name the agreements with those who supply models and data"),
    Item("PO.2", "roles and responsibilities", _BASE + "PO.2.1 to PO.2.3", ("signers", "policy"), "name the people behind the keys"),
    Item("PO.3.1", "tools of the toolchain are specified", _BASE + "PO.3.1", ("software",), "name the tools that no run recorded"),
    Item("PO.3.2", "tools are used and secured as specified", _BASE + "PO.3.2", ("software", "making"), "describe how the toolchain is secured"),
    Item("PO.3.3", "tools leave evidence of what they did", _BASE + "PO.3.3", ("making", "record")),
    Item("PO.4.1", "criteria for security checks are defined", _BASE + "PO.4.1", ("policy",)),
    Item("PO.4.2", "the information for them is gathered and kept", _BASE + "PO.4.2", ("decision", "record")),
    Item("PO.5.1", "environments of development are separated and protected", _BASE + "PO.5.1", (), _ORGANISATION),
    Item("PO.5.2", "endpoints of development are hardened", _BASE + "PO.5.2", (), _ORGANISATION),
    Item("PO.5.3", "what runs in environments of development is monitored", _PROFILE + "PO.5.3", (), _ORGANISATION),
    Item("PS.1.1", "code is protected from unauthorised change", _BASE + "PS.1.1", ("signature", "files"), "name the protection of the repositories"),
    Item("PS.1.2", "training, testing and tuning data are protected", _PROFILE + "PS.1.2", ("data", "dataset"), "describe access to the data"),
    Item("PS.1.3", "weights and configuration parameters are protected", _PROFILE + "PS.1.3", ("signature", "files"), "describe access to the weights"),
    Item("PS.2.1", "who acquires it can verify its integrity", _BASE + "PS.2.1", ("signature", "files", "identity")),
    Item("PS.3.1", "each release is archived with what belongs to it", _BASE + "PS.3.1", ("record", "files"), "say where the files themselves are kept"),
    Item("PS.3.2", "provenance of all components is collected, kept and shared", _BASE + "PS.3.2", ("making", "bases", "data", "bom")),
    Item("PW.1", "the design meets the requirements and mitigates risks", _BASE + "PW.1.1 to PW.1.3", (), "attach threat models and risk assessments"),
    Item("PW.2.1", "the design is reviewed", _BASE + "PW.2.1", ("approval",), "attach the review"),
    Item("PW.3.1", "data are analysed for poisoning, bias and tampering before they are used", _PROFILE + "PW.3.1", ("dataset",), "attach the analysis; the evidence shows only which data went in"),
    Item("PW.3.2", "provenance of data is tracked, and what has none is documented", _PROFILE + "PW.3.2", ("data", "dataset")),
    Item("PW.3.3", "adversarial samples are part of training and testing", _PROFILE + "PW.3.3", (), "describe them"),
    Item("PW.4.1", "components that are acquired are well secured", _BASE + "PW.4.1", ("bases", "scan"), "name the criteria"),
    Item("PW.4.4", "components that are acquired are verified throughout", _BASE + "PW.4.4", ("bases", "revocation", "vulns")),
    Item("PW.5.1", "code follows secure practices", _BASE + "PW.5.1", (), _ORGANISATION),
    Item("PW.6", "builds are configured for security", _BASE + "PW.6.1, PW.6.2", ("making", "parameters"), "name the settings that no run recorded"),
    Item("PW.7", "code is reviewed or analysed", _BASE + "PW.7.1, PW.7.2", ("scan",), "attach reviews of the code; the scan is of the artifact"),
    Item("PW.8", "what runs is tested", _BASE + "PW.8.1, PW.8.2", ("test",), "describe the tests of security"),
    Item("PW.9", "settings are secure by default", _BASE + "PW.9.1, PW.9.2", (), _ORGANISATION),
    Item("RV.1.1", "information on vulnerabilities is gathered", _BASE + "RV.1.1", ("vulns", "revocation"), "describe the process"),
    Item("RV.1.2", "releases are checked for vulnerabilities that were not found before", _BASE + "RV.1.2", ("scan", "vulns")),
    Item("RV.1.3", "vulnerabilities are disclosed by a policy", _BASE + "RV.1.3", (), _ORGANISATION),
    Item("RV.2", "vulnerabilities are assessed, ranked and mended", _BASE + "RV.2.1, RV.2.2", ("revocation",), "attach assessments and plans"),
    Item("RV.3", "root causes are found", _BASE + "RV.3.1 to RV.3.4", (), "attach the analysis; `weightmark report --format incident` has the timeline"),
)  # fmt: skip

SSDF = Framework(
    "ssdf",
    "Secure software development framework, profile for generative AI",
    "NIST SP 800-218 version 1.1 (February 2022) and SP 800-218A (July 2024)",
    _ITEMS,
)
"""the tasks of both documents; those that no artifact shows are left to a person"""
