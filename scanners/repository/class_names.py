"""Which class names of configurations stay inside the library whose loader reads them.

Exact shapes, never bare prefixes: a name that is not recognised counts as outside.
"""

import re

__all__ = [
    "is_diffusers_library",
    "is_instantiated_class",
    "is_keras_module",
    "is_layer_class",
    "is_mlflow_module",
    "is_sentence_module",
    "is_speech_class",
    "is_target_class",
    "is_tensor_operation",
    "is_training_class",
]

_CLASS = r"[A-Z]\w*"
_SENTENCE = re.compile(rf"sentence_transformers(\.[a-z_]\w*)*\.{_CLASS}")
_LAYER = re.compile(rf"torch\.nn(\.modules)?(\.[a-z_]+)?\.{_CLASS}")
_MLFLOW = re.compile(r"mlflow(\.[a-z_][a-z0-9_]*)*")
_LIBRARY = re.compile(
    r"(diffusers|transformers|optimum)(\.[a-z_][a-z0-9_]*)*|onnxruntime\.training"
)
_KERAS = re.compile(
    r"(tf_keras|keras|keras\.src|tensorflow\.keras|keras_hub|keras_nlp|keras_cv)"
    r"(\.src)?(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics|models"
    r"|ops|optimizers|optimizers\.schedules|quantizers|regularizers|trainers|engine|saving)"
    r"(\.[a-z_][a-z0-9_]*)*)?"
)
_OPERATIONS = re.compile(
    r"(compat\.v[12]\.)?((bitwise|image|linalg|math|nn|quantization|ragged|random|sets|signal|sparse"
    r"|strings|__operators__|keras\.activations|keras\.backend)\.)?[a-z]\w*"
)
_UNSAFE_OPERATIONS = frozenset(
    [
        "custom_gradient",
        "function",
        "load_library",
        "load_op_library",
        "numpy_function",
        "print",
        "py_func",
        "py_function",
        "read_file",
        "write_file",
    ]
)
"""functions of TensorFlow that call Python, load code, or reach files"""
_FORBIDDEN_PARTS = frozenset({"file_utils", "io_utils", "saving_lib", "serialization_lib", "utils"})
_TARGET = re.compile(
    r"(torch\.(nn|optim|distributions|utils\.data)"
    r"|monai\.(data|engines|handlers|inferers|losses|metrics|networks|optimizers|transforms)"
    r"|torchvision|torchaudio|nemo|lightning|pytorch_lightning|transformers|diffusers|sklearn|timm)"
    rf"(\.[a-z][a-z0-9_]*)*\.{_CLASS}"
)
_RUNNING = re.compile(
    r"(Auto\w*|\w*Trainer|\w*Pipeline|\w*Workflow|\w*Importer|\w*Parser)", re.ASCII
)
"""classes that fetch, train or run what their arguments name"""
_TRAINING = re.compile(
    rf"(speechbrain(\.[A-Za-z_]\w*)*|sentencepiece|torch\.nn|torch\.optim|torch\.optim\.lr_scheduler)\.{_CLASS}"
)
_MODULES_OF_PYTHON = frozenset(
    [
        "asyncio",
        "builtins",
        "cffi",
        "code",
        "codeop",
        "cloudpickle",
        "concurrent",
        "ctypes",
        "dill",
        "ftplib",
        "http",
        "imp",
        "importlib",
        "joblib",
        "marshal",
        "multiprocessing",
        "operator",
        "os",
        "pathlib",
        "pdb",
        "pickle",
        "pickletools",
        "pkgutil",
        "platform",
        "posix",
        "pty",
        "requests",
        "runpy",
        "shutil",
        "signal",
        "site",
        "smtplib",
        "socket",
        "socketserver",
        "sp",
        "subprocess",
        "superpowers",
        "sys",
        "tarfile",
        "tempfile",
        "threading",
        "timeit",
        "urllib",
        "webbrowser",
        "xmlrpc",
        "zipfile",
    ]
)
"""modules that a module of a library has imported, so that a dotted name leads through to them"""
_SPEECH = re.compile(rf"pyannote\.(audio|pipeline)(\.[a-z_]\w*)*\.{_CLASS}")
_DIFFUSION = re.compile(rf"(cldm|ldm|sgm|taming)(\.[a-z_][a-z0-9_]*)*\.{_CLASS}")
_PIPELINES = frozenset(
    [
        "allegro",
        "amused",
        "animatediff",
        "audioldm",
        "audioldm2",
        "aura_flow",
        "blip_diffusion",
        "chroma",
        "cogvideo",
        "cogview3",
        "cogview4",
        "consisid",
        "consistency_models",
        "controlnet",
        "controlnet_hunyuandit",
        "controlnet_sd3",
        "controlnet_xs",
        "cosmos",
        "dance_diffusion",
        "ddim",
        "ddpm",
        "deepfloyd_if",
        "dit",
        "easyanimate",
        "flux",
        "free_init_utils",
        "hidream_image",
        "hunyuan_video",
        "hunyuandit",
        "i2vgen_xl",
        "kandinsky",
        "kandinsky2_2",
        "kandinsky3",
        "kolors",
        "latent_consistency_models",
        "latent_diffusion",
        "latte",
        "ledits_pp",
        "ltx",
        "lumina",
        "lumina2",
        "marigold",
        "mochi",
        "musicldm",
        "omnigen",
        "pag",
        "paint_by_example",
        "pia",
        "pixart_alpha",
        "qwenimage",
        "sana",
        "semantic_stable_diffusion",
        "shap_e",
        "skyreels_v2",
        "stable_audio",
        "stable_cascade",
        "stable_diffusion",
        "stable_diffusion_3",
        "stable_diffusion_attend_and_excite",
        "stable_diffusion_diffedit",
        "stable_diffusion_gligen",
        "stable_diffusion_k_diffusion",
        "stable_diffusion_ldm3d",
        "stable_diffusion_panorama",
        "stable_diffusion_safe",
        "stable_diffusion_sag",
        "stable_diffusion_xl",
        "stable_video_diffusion",
        "t2i_adapter",
        "text_to_video_synthesis",
        "unclip",
        "unidiffuser",
        "versatile_diffusion",
        "visualcloze",
        "vq_diffusion",
        "wan",
        "wuerstchen",
        "bria",
        "bria_fibo",
        "chronoedit",
        "flux2",
        "hunyuan_image",
        "hunyuan_video1_5",
        "kandinsky5",
        "longcat_image",
        "ltx2",
        "lucy",
        "ovis_image",
        "prx",
        "sana_video",
        "visualcloze",
        "z_image",
    ]
)
"""packages below `diffusers.pipelines`, which a `model_index.json` names without that prefix"""


def is_sentence_module(name: str) -> bool:
    """Tell whether a `type` in `modules.json` is a class of sentence-transformers."""
    return _SENTENCE.fullmatch(name) is not None


def is_layer_class(name: str) -> bool:
    """Tell whether a dotted name is a layer of torch or a class of sentence-transformers."""
    return _LAYER.fullmatch(name) is not None or is_sentence_module(name)


def is_mlflow_module(name: str) -> bool:
    """Tell whether a `loader_module` is one of MLflow's own."""
    return _MLFLOW.fullmatch(name) is not None


def is_diffusers_library(name: str) -> bool:
    """Tell whether the first word of a component is a library that diffusers itself loads from."""
    return name in _PIPELINES or _LIBRARY.fullmatch(name) is not None


def is_keras_module(name: str) -> bool:
    """Tell whether a `module` of a Keras configuration holds layers and their like only."""
    return _KERAS.fullmatch(name) is not None and _FORBIDDEN_PARTS.isdisjoint(name.split("."))


def is_speech_class(name: str) -> bool:
    """Tell whether the `name` of a part of a pyannote pipeline is a class of pyannote itself."""
    return _SPEECH.fullmatch(name) is not None and not _leads_out(name)


def is_tensor_operation(name: str) -> bool:
    """Tell whether the function of a Keras `TFOpLambda` computes with tensors and reaches nothing else."""
    known = _OPERATIONS.fullmatch(name) is not None
    return known and name.rpartition(".")[2] not in _UNSAFE_OPERATIONS


def is_target_class(name: str) -> bool:
    """Tell whether a Hydra `_target_` is a class of a known library; functions are not."""
    running = name.startswith(("transformers.", "diffusers.", "monai.")) and _RUNNING.fullmatch(
        name.rpartition(".")[2]
    )
    return _TARGET.fullmatch(name) is not None and not _leads_out(name) and not running


def is_training_class(name: str) -> bool:
    """Tell whether the name in a tag of HyperPyYAML is a class of a known library."""
    return is_target_class(name) or (_TRAINING.fullmatch(name) is not None and not _leads_out(name))


def is_instantiated_class(name: str) -> bool:
    """Tell whether the `target` of a latent diffusion or NeMo configuration is a class of a known library."""
    return is_target_class(name) or (
        _DIFFUSION.fullmatch(name) is not None and not _leads_out(name)
    )


def _leads_out(name: str) -> bool:
    return not _MODULES_OF_PYTHON.isdisjoint(name.split("."))
