"""Layouts: `LAYOUTS` are asked in their order, and the first that knows a folder claims its part of it.

A new tool is a file here and a line in `LAYOUTS`; a line in `CACHES` gives its own folder a word.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from weightmark.attestations.inventory.interface import Layout
from weightmark.attestations.inventory.layouts.huggingface import HuggingFaceLayout
from weightmark.attestations.inventory.layouts.keras import KerasLayout, keras_cache
from weightmark.attestations.inventory.layouts.llama_cpp import LlamaCppLayout, llama_cpp_cache
from weightmark.attestations.inventory.layouts.mlflow import MlflowLayout
from weightmark.attestations.inventory.layouts.ollama import OllamaLayout, ollama_cache
from weightmark.attestations.inventory.layouts.torch_hub import TorchHubLayout, torch_cache
from weightmark.provenance.hub_storage import hub_cache

__all__ = ["CACHES", "LAYOUTS"]

LAYOUTS: tuple[Layout, ...] = (
    HuggingFaceLayout(),
    OllamaLayout(),
    TorchHubLayout(),
    KerasLayout(),
    LlamaCppLayout(),
    MlflowLayout(),
)
"""every layout but the plain tree"""
CACHES: Mapping[str, Callable[[Mapping[str, str]], Path]] = {
    "hf-cache": hub_cache,
    "keras-cache": keras_cache,
    "llama-cpp-cache": llama_cpp_cache,
    "ollama-cache": ollama_cache,
    "torch-cache": torch_cache,
}
"""words for the folder where a tool keeps what it fetched for this user, by the variables that it reads itself"""
