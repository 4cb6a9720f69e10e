"""Layouts: `LAYOUTS` are asked in their order, and the first that knows a folder claims its part of it."""

from weightmark.attestations.inventory.interface import Layout
from weightmark.attestations.inventory.layouts.huggingface import HuggingFaceLayout
from weightmark.attestations.inventory.layouts.keras import KerasLayout
from weightmark.attestations.inventory.layouts.llama_cpp import LlamaCppLayout
from weightmark.attestations.inventory.layouts.mlflow import MlflowLayout
from weightmark.attestations.inventory.layouts.ollama import OllamaLayout
from weightmark.attestations.inventory.layouts.torch_hub import TorchHubLayout

__all__ = ["LAYOUTS"]

LAYOUTS: tuple[Layout, ...] = (
    HuggingFaceLayout(),
    OllamaLayout(),
    TorchHubLayout(),
    KerasLayout(),
    LlamaCppLayout(),
    MlflowLayout(),
)
"""every layout but the plain tree"""
