"""Tags of HyperPyYAML, with which SpeechBrain's hyperparameter files import and call names."""

import re
from typing import Final

from weightmark.scanners.repository.class_names import is_training_class

__all__ = ["is_foreign_tag"]

_TAG: Final = re.compile(r"!(new|apply|name|module):\s*(.*)", re.DOTALL)
_FUNCTIONS: Final = re.compile(
    r"(torch|torch\.cuda|random|numpy\.random)\.(manual_seed|manual_seed_all|seed)"
    r"|torch\.nn\.functional\.(elu|gelu|leaky_relu|log_softmax|relu|sigmoid|silu|softmax|tanh)"
    r"|speechbrain\.nnet\.losses\.[a-z]\w*_(loss|error|entropy|rate)"
    r"|speechbrain\.utils\.(seed\.seed_everything|torch_audio_backend\.check_torchaudio_backend)"
    r"|speechbrain\.dataio\.dataio\.(length_to_mask|read_audio)"
    r"|speechbrain\.dataio\.batch\.PaddedBatch"
)


def is_foreign_tag(tag: str) -> bool:
    """Tell whether a tag imports something that is neither a known class nor a known function."""
    found = _TAG.fullmatch(tag)
    if not found:
        return False
    kind, name = found.groups()
    known = is_training_class(name) or _FUNCTIONS.fullmatch(name) is not None
    return kind == "module" or not known
