"""Annex IV of Regulation (EU) 2024/1689: the technical documentation of a high-risk AI system, and Articles 12, 15 and 18."""

from weightmark.attestations.reports.interface import Framework, Item

__all__ = ["ANNEX_IV"]

_PERSON = "describe it"

_ITEMS = (
    Item("1(a)", "intended purpose, provider, version and its relation to earlier ones", "Annex IV, point 1(a)", ("identity", "name", "versions"), "state the intended purpose and the provider's name"),
    Item("1(b)", "interaction with other hardware and software", "Annex IV, point 1(b)", (), _PERSON),
    Item("1(c)", "versions of relevant software and firmware", "Annex IV, point 1(c)", ("software", "bom"), "state what updates demand"),
    Item("1(d)", "forms in which it is placed on the market", "Annex IV, point 1(d)", ("files", "deployment"), "state packages, downloads and services by which others get it"),
    Item("1(e)", "hardware on which it is to run", "Annex IV, point 1(e)", ("hardware",), "the evidence is of the hardware on which it was made; state on which it is to run"),
    Item("1(f)", "appearance and marking of products that contain it", "Annex IV, point 1(f)", (), "attach photographs or illustrations, where it is part of a product"),
    Item("1(g)", "user interface of the deployer", "Annex IV, point 1(g)", (), _PERSON),
    Item("1(h)", "instructions for use", "Annex IV, point 1(h)", (), "attach them"),
    Item("2(a)", "methods and steps of development, pre-trained systems and tools of others", "Annex IV, point 2(a)", ("making", "parameters", "bases"), "state why, and how parts of others were adapted"),
    Item("2(b)", "design: general logic, choices, assumptions, what it optimises for", "Annex IV, point 2(b)", ("parameters",), "state logic, choices and trade-offs with their reasons"),
    Item("2(c)", "architecture and computational resources", "Annex IV, point 2(c)", ("bases", "hardware"), "describe how the parts fit together"),
    Item("2(d)", "data: provenance, scope, selection, labelling, cleaning", "Annex IV, point 2(d)", ("data", "dataset"), "describe selection, labelling, cleaning and suitability"),
    Item("2(e)", "human oversight that Article 14 asks for", "Annex IV, point 2(e)", (), "assess it"),
    Item("2(f)", "changes that are determined beforehand", "Annex IV, point 2(f)", (), "describe them, and what keeps the system compliant"),
    Item("2(g)", "validation and testing: procedures, data, metrics, dated and signed logs", "Annex IV, point 2(g)", ("test", "data"), "describe the metrics for accuracy, robustness and discriminatory impact"),
    Item("2(h)", "cybersecurity measures", "Annex IV, point 2(h)", ("signature", "scan", "policy", "record"), "describe the measures around the system"),
    Item("3", "monitoring, functioning and control; limits of performance; foreseeable harm", "Annex IV, point 3", ("deployment", "decision"), "state capabilities, limits, risks and oversight"),
    Item("4", "why the performance metrics fit", "Annex IV, point 4", (), "argue it"),
    Item("5", "risk management system of Article 9", "Annex IV, point 5", ("decision", "revocation"), "describe the system itself"),
    Item("6", "changes during the lifecycle", "Annex IV, point 6", ("versions", "record"), "describe what each change was for"),
    Item("7", "harmonised standards that are applied, or what is done instead", "Annex IV, point 7", (), "list them"),
    Item("8", "EU declaration of conformity", "Annex IV, point 8", (), "attach a copy"),
    Item("9", "performance after placing on the market, with the plan of Article 72", "Annex IV, point 9", ("deployment",), "describe the system and attach the plan"),
    Item("Art. 11", "documentation drawn up before, and kept up to date", "Article 11(1)", ("record", "times"), "put this report into the technical file, and make it anew for each release"),
    Item("Art. 12", "records of events over the lifetime", "Article 12", ("record", "decision"), "add the logs of the running system; the evidence is of the artifact only"),
    Item("Art. 15", "accuracy, robustness and cybersecurity, data and model poisoning among them", "Article 15(1), 15(5)", ("test", "scan", "signature", "bases"), "state the levels of accuracy and the measures against attacks"),
    Item("Art. 18", "documentation kept for ten years", "Article 18(1)", ("record", "times"), "say who keeps it, and where"),
)  # fmt: skip

ANNEX_IV = Framework(
    "annex-iv",
    "Technical documentation (Annex IV)",
    "Regulation (EU) 2024/1689 of 13 June 2024, Annex IV and Articles 11, 12, 15 and 18",
    _ITEMS,
)
"""every point of the annex, and the articles that artifacts are evidence for"""
