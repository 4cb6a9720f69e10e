"""Every framework by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from weightmark.attestations.reports.annex_iv import ANNEX_IV
from weightmark.attestations.reports.g7_sbom_ai import G7_SBOM_AI
from weightmark.attestations.reports.interface import Framework
from weightmark.attestations.reports.nist_rmf import NIST_RMF
from weightmark.attestations.reports.ssdf import SSDF

__all__ = ["FRAMEWORKS"]

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {one.name: one for one in (ANNEX_IV, SSDF, G7_SBOM_AI, NIST_RMF)}
)
"""frameworks whose items are filled for each artifact"""
