"""NIST AI Risk Management Framework 1.0: subcategories that artifacts are evidence for, and one item for each other category."""

from weightmark.attestations.reports.interface import Framework, Item

__all__ = ["NIST_RMF"]

_CORE = "NIST AI 100-1, "
_PEOPLE = "describe it; it is about people and organisations"

_ITEMS = (
    Item("GOVERN 1.2", "characteristics of trustworthy AI are part of policies", _CORE + "GOVERN 1.2", ("policy",), "name the policies of the organisation"),
    Item("GOVERN 1.4", "risk management is transparent, by policies and controls", _CORE + "GOVERN 1.4", ("policy", "decision", "record")),
    Item("GOVERN 1.5", "monitoring and review are planned", _CORE + "GOVERN 1.5", ("decision",), "state who reviews, and how often"),
    Item("GOVERN 1.6", "AI systems are inventoried", _CORE + "GOVERN 1.6", ("record",), "`weightmark inventory` lists what nobody entered"),
    Item("GOVERN 1.7", "systems are decommissioned safely", _CORE + "GOVERN 1.7", ("revocation",), "describe the process"),
    Item("GOVERN 2", "accountability and training", _CORE + "GOVERN 2.1 to 2.3", ("signers",), "name the people behind the keys, and their training"),
    Item("GOVERN 3", "diversity and human oversight", _CORE + "GOVERN 3.1, 3.2", (), _PEOPLE),
    Item("GOVERN 4", "a culture that considers risk; testing and incidents are shared", _CORE + "GOVERN 4.1 to 4.3", ("test",), _PEOPLE),
    Item("GOVERN 5", "engagement with those who are affected", _CORE + "GOVERN 5.1, 5.2", (), _PEOPLE),
    Item("GOVERN 6.1", "risks of third-party software and data", _CORE + "GOVERN 6.1", ("bases", "data", "license"), "name the policies on rights of others"),
    Item("GOVERN 6.2", "contingency for failures of third parties", _CORE + "GOVERN 6.2", ("revocation",), "describe the process"),
    Item("MAP 1", "context, purpose and risk tolerance", _CORE + "MAP 1.1 to 1.6", (), "describe them"),
    Item("MAP 2.1", "tasks and methods are defined", _CORE + "MAP 2.1", ("making",), "describe the task"),
    Item("MAP 2.2", "limits of knowledge and human oversight", _CORE + "MAP 2.2", (), "describe them"),
    Item("MAP 2.3", "integrity of the science: data, selection, evaluation", _CORE + "MAP 2.3", ("data", "dataset", "test"), "argue that they fit"),
    Item("MAP 3", "capabilities, benefits, costs and scope", _CORE + "MAP 3.1 to 3.5", (), "describe them"),
    Item("MAP 4.1", "legal risks of components, third-party data and software among them", _CORE + "MAP 4.1", ("bases", "license", "dataset"), "assess them"),
    Item("MAP 4.2", "internal risk controls for components of others", _CORE + "MAP 4.2", ("scan", "decision", "bases")),
    Item("MAP 5", "impacts are characterised", _CORE + "MAP 5.1, 5.2", (), "assess them"),
    Item("MEASURE 1", "methods and metrics are chosen", _CORE + "MEASURE 1.1 to 1.3", ("test",), "state why they were chosen"),
    Item("MEASURE 2.1", "test sets, metrics and tools are documented", _CORE + "MEASURE 2.1", ("test", "data"), "describe the metrics"),
    Item("MEASURE 2.3", "performance is measured for conditions like those of deployment", _CORE + "MEASURE 2.3", ("test",), "state the conditions"),
    Item("MEASURE 2.4", "the system is monitored in production", _CORE + "MEASURE 2.4", ("deployment",), "describe the monitoring"),
    Item("MEASURE 2.5", "it is shown to be valid and reliable", _CORE + "MEASURE 2.5", ("test",), "state the limits of generalisation"),
    Item("MEASURE 2.6", "safety is evaluated", _CORE + "MEASURE 2.6", (), "attach the evaluation"),
    Item("MEASURE 2.7", "security and resilience are evaluated", _CORE + "MEASURE 2.7", ("scan", "signature", "vulns"), "attach red teaming and tests of the system"),
    Item("MEASURE 2.8", "transparency and accountability are examined", _CORE + "MEASURE 2.8", ("making", "record")),
    Item("MEASURE 2.9", "the model is explained and documented", _CORE + "MEASURE 2.9", ("parameters",), "attach the model card"),
    Item("MEASURE 2.10", "privacy risk is examined", _CORE + "MEASURE 2.10", ("dataset",), "attach the assessment"),
    Item("MEASURE 2.11", "fairness and bias are evaluated", _CORE + "MEASURE 2.11", (), "attach the evaluation"),
    Item("MEASURE 2.12", "environmental impact is assessed", _CORE + "MEASURE 2.12", ("hardware",), "state the energy; the evidence names the hardware only"),
    Item("MEASURE 3", "risks are tracked over time", _CORE + "MEASURE 3.1 to 3.3", ("revocation", "decision"), "describe feedback of users"),
    Item("MEASURE 4", "it is measured whether measuring works", _CORE + "MEASURE 4.1 to 4.3", (), "describe it"),
    Item("MANAGE 1.1", "it is decided whether the system may go on", _CORE + "MANAGE 1.1", ("decision", "approval")),
    Item("MANAGE 1.2", "risks are ranked and treated", _CORE + "MANAGE 1.2 to 1.4", ("decision",), "document what risk remains"),
    Item("MANAGE 2.3", "unknown risks are responded to", _CORE + "MANAGE 2.1 to 2.3", ("revocation",), "describe the process"),
    Item("MANAGE 2.4", "systems can be disengaged or deactivated", _CORE + "MANAGE 2.4", ("revocation", "decision"), "say who may do it"),
    Item("MANAGE 3.1", "risks of third parties are monitored", _CORE + "MANAGE 3.1", ("bases", "revocation")),
    Item("MANAGE 3.2", "pre-trained models are monitored", _CORE + "MANAGE 3.2", ("bases", "revocation")),
    Item("MANAGE 4.1", "monitoring after deployment, with override and incident response", _CORE + "MANAGE 4.1", ("deployment",), "describe the plan"),
    Item("MANAGE 4.2", "improvements are part of updates", _CORE + "MANAGE 4.2", ("versions",), "describe what was improved"),
    Item("MANAGE 4.3", "incidents are communicated and documented", _CORE + "MANAGE 4.3", ("revocation",), "`weightmark report --format incident` has the timeline"),
)  # fmt: skip

NIST_RMF = Framework(
    "nist-rmf",
    "AI risk management framework",
    "NIST AI 100-1, AI RMF 1.0 (January 2023), section 5",
    _ITEMS,
)
"""subcategories where artifacts are evidence; the others by category"""
