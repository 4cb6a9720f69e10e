"""Make honest objects of torch, transformers, sentence-transformers, diffusers, datasets and Pillow.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`; it packs
what is small into `hub_objects.zip`, so that tests need none of them:

    python -m tests.assets.make_hub_objects
"""

import argparse
import copy
import functools
import io
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn, optim

from tests.assets.make_objects import EPOCH, Makers, written

ASSET = Path(__file__).with_name("hub_objects.zip")
LARGEST = 30_000
LARGEST_AGAIN = 1_200
"""bytes of a file that says the same as the pickle of protocol 4"""
WORDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "model": 6}


def main(asset: Path = ASSET) -> None:
    """Pack every object as pickles, as a joblib dump and as torch writes it, in a fixed order."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    files: dict[str, bytes] = {}
    for family in (torch_rows, quantized_rows, distribution_rows, data_rows, optimizer_rows):
        for name, maker in family().items():
            files |= written(name, maker) | saved(name, maker)
    for family in (transformers_rows, sentence_rows, diffusers_rows, datasets_rows, pillow_rows):
        for name, maker in family().items():
            files |= written(name, maker)
    with zipfile.ZipFile(asset, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            if len(data) < (LARGEST if name.endswith((".4.pkl", ".pt")) else LARGEST_AGAIN):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), data, 8)


def saved(name: str, maker: Callable[[], Any]) -> dict[str, bytes]:
    """Return the object as torch writes it, in its archive and in its older format."""
    files = {}
    for kind, new in (("pt", True), ("legacy.pt", False)):
        out = io.BytesIO()
        try:
            torch.save(maker(), out, _use_new_zipfile_serialization=new)
        except Exception as error:  # noqa: BLE001 - versions differ in what they hold
            sys.stderr.write(f"left out: {name}.{kind}: {error}"[:200] + "\n")
            continue
        files[f"{name}.{kind}"] = out.getvalue()
    return files


def torch_rows() -> Makers:
    """Make whole modules, tensors of every kind, and what the utilities leave on modules."""
    from torch.nn import utils
    from torch.nn.utils import parametrizations, prune

    old = {
        "weight": lambda: utils.weight_norm(nn.Linear(2, 2)),
        "spectral": lambda: utils.spectral_norm(nn.Linear(2, 2)),
    }
    rows: Makers = {
        "torch-weight-norm-old": old["weight"],
        "torch-weight-norm-conv": lambda: nn.Sequential(utils.weight_norm(nn.Conv1d(1, 1, 2)), nn.ReLU()),
        "torch-spectral-norm-old": old["spectral"],
        "torch-pruned": lambda: prune.l1_unstructured(nn.Linear(2, 2), "weight", 0.5),
        "torch-pruned-more": lambda: prune.random_unstructured(prune.ln_structured(nn.Linear(3, 3), "weight", 0.5, 2, 0), "bias", 1),
        "torch-pruned-done": lambda: prune.remove(prune.l1_unstructured(nn.Linear(2, 2), "weight", 0.5), "weight"),
        "torch-averaged": lambda: optim.swa_utils.AveragedModel(nn.Linear(2, 2)),
        "torch-averaged-ema": lambda: optim.swa_utils.AveragedModel(nn.Linear(2, 2), use_buffers=True),
        "torch-modules": lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Dropout(0.1), nn.BatchNorm1d(2), nn.LayerNorm(2), nn.GELU()),
        "torch-convolutions": lambda: nn.ModuleList([nn.Conv2d(1, 1, 2, padding="same"), nn.ConvTranspose2d(1, 1, 2), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)]),
        "torch-recurrent": lambda: nn.ModuleDict({"l": nn.LSTM(1, 1), "g": nn.GRU(1, 1, bidirectional=True), "c": nn.LSTMCell(1, 1)}),
        "torch-attention": lambda: nn.MultiheadAttention(2, 1),
        "torch-transformer": lambda: nn.TransformerEncoderLayer(2, 1, 2),
        "torch-transformer-function": lambda: nn.TransformerDecoderLayer(2, 1, 2, activation=nn.functional.gelu),
        "torch-parameters": lambda: [nn.Parameter(torch.ones(2)), nn.ParameterList([nn.Parameter(torch.ones(1))]), nn.ParameterDict({"a": nn.Parameter(torch.ones(1))})],
        "torch-embedding": lambda: [nn.Embedding(3, 2, padding_idx=0), nn.EmbeddingBag(3, 2)],
        "torch-losses": lambda: [nn.CrossEntropyLoss(weight=torch.ones(2)), nn.BCEWithLogitsLoss(), nn.TripletMarginLoss(), nn.CTCLoss(), nn.KLDivLoss(), nn.HuberLoss()],
        "torch-state": lambda: nn.Linear(2, 2).state_dict(),
        "torch-checkpoint": lambda: {"model": nn.Linear(2, 2).state_dict(), "epoch": 3, "args": argparse.Namespace(lr=0.1)},
        "torch-unflatten": lambda: [nn.Flatten(), nn.Unflatten(1, (1, 2)), nn.Identity(), nn.Upsample(scale_factor=2)],
        "torch-hooked": lambda: hooked(nn.Linear(2, 2)),
        "torch-kinds": lambda: [torch.zeros(2, dtype=kind) for kind in (torch.float16, torch.bfloat16, torch.int8, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.uint16, torch.uint64)],
        "torch-sparse": lambda: [torch.eye(2).to_sparse(), torch.eye(2).to_sparse_csr(), torch.eye(2).to_sparse_csc(), torch.eye(4).to_sparse_bsr((2, 2))],
        "torch-nested": lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]),
        "torch-quantized": lambda: [torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), torch.quantize_per_channel(torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.quint8)],
        "torch-views": lambda: [torch.arange(6).reshape(2, 3).t(), torch.ones(2).conj(), torch.ones(2, dtype=torch.complex64).conj(), torch.zeros(0), torch.tensor(1.0)],
        "torch-meta": lambda: torch.zeros(2, device="meta"),
        "torch-plain": lambda: [torch.float32, torch.device("cpu"), torch.Size([1, 2]), torch.strided, torch.Generator()],
        "torch-attributes": lambda: noted(torch.ones(2)),
        "torch-packed": lambda: utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)]),
        "torch-parametrized": lambda: parametrizations.weight_norm(nn.Linear(2, 2)).state_dict(),
        "torch-storage": lambda: [torch.ones(2).untyped_storage(), torch.ones(2).storage()],
        "torch-copied": lambda: copy.deepcopy(nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 2), 1)),
        "torch-channels": lambda: torch.ones(1, 2, 2, 2).to(memory_format=torch.channels_last),
        "torch-lazy": lambda: nn.Sequential(nn.LazyLinear(2)),
        "torch-functions": lambda: [torch.relu, torch.sigmoid, torch.tanh, nn.functional.relu, nn.functional.silu, torch.nn.functional.softmax, torch.mean],
        "torch-initializers": lambda: [functools.partial(nn.init.normal_, std=0.02), functools.partial(nn.LayerNorm, eps=1e-6), nn.ReLU, nn.init.zeros_],
    }  # fmt: skip
    return rows


def hooked(module: nn.Module) -> nn.Module:
    """Return a module with buffers that are not saved, in evaluation mode and frozen."""
    module.register_buffer("b", torch.ones(1), persistent=False)
    module.eval()
    return module.requires_grad_(False)


def noted(tensor: Any) -> Any:
    """Return a tensor with an attribute of its own."""
    tensor.source = "a file"
    return tensor


def quantized_rows() -> Makers:
    """Make modules that were quantized, with observers, for both interfaces that torch has kept."""
    from torch.ao import quantization

    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.LSTM(2, 1))
    static = nn.Sequential(
        quantization.QuantStub(), nn.Conv2d(1, 1, 1), nn.ReLU(), quantization.DeQuantStub()
    )
    static.qconfig = quantization.get_default_qconfig("fbgemm")

    def prepared() -> nn.Module:
        made = quantization.prepare(static.eval())
        made(torch.ones(1, 1, 2, 2))
        return made

    return {
        "torch-dynamic": lambda: quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8),
        "torch-dynamic-lstm": lambda: quantization.quantize_dynamic(model, {nn.LSTM}, torch.qint8),
        "torch-dynamic-half": lambda: quantization.quantize_dynamic(model, {nn.Linear}, torch.float16),
        "torch-converted": lambda: quantization.convert(prepared()),
        "torch-observers": lambda: [quantization.MinMaxObserver(), quantization.HistogramObserver(), quantization.PerChannelMinMaxObserver(), quantization.FakeQuantize()],
        "torch-embedding-quantized": lambda: quantized_embedding(quantization),
        "torch-configuration": lambda: [quantization.default_qconfig, quantization.float16_dynamic_qconfig],
    }  # fmt: skip


def quantized_embedding(quantization: Any) -> nn.Module:
    """Return an embedding whose weights are quantized."""
    made = nn.Sequential(nn.Embedding(4, 4))
    made[0].qconfig = quantization.float_qparams_weight_only_qconfig
    return quantization.convert(
        quantization.prepare(made), {nn.Embedding: torch.ao.nn.quantized.Embedding}
    )


def distribution_rows() -> Makers:
    """Make distributions, transforms and constraints."""
    from torch import distributions as d

    one, two = torch.ones(1), torch.ones(2)
    singles: Iterable[Any] = (
        d.Normal(0.0, 1.0), d.Bernoulli(0.5), d.Categorical(two), d.Beta(one, one), d.Gamma(one, one), d.Uniform(0.0, 1.0),
        d.Poisson(one), d.Exponential(one), d.Laplace(0.0, 1.0), d.StudentT(one), d.Dirichlet(two), d.Multinomial(2, two),
        d.MultivariateNormal(two, torch.eye(2)), d.OneHotCategorical(two), d.Geometric(0.5), d.Gumbel(0.0, 1.0),
        d.HalfNormal(1.0), d.Cauchy(0.0, 1.0), d.Chi2(one), d.Weibull(1.0, 1.0), d.Binomial(2, 0.5), d.VonMises(one, one),
        d.LogNormal(0.0, 1.0), d.LowRankMultivariateNormal(two, torch.ones(2, 1), two), d.Kumaraswamy(one, one),
        d.Independent(d.Normal(two, two), 1), d.MixtureSameFamily(d.Categorical(two), d.Normal(two, two)),
        d.TransformedDistribution(d.Normal(0.0, 1.0), [d.AffineTransform(0.0, 2.0), d.TanhTransform()]),
        d.Pareto(1.0, 1.0), d.ContinuousBernoulli(0.5), d.RelaxedBernoulli(one, 0.5), d.NegativeBinomial(2, 0.5),
    )  # fmt: skip
    rows: Makers = {
        f"torch-distribution-{type(one_).__name__}": functools.partial(lambda v: v, one_)
        for one_ in singles
    }
    rows["torch-transforms"] = lambda: [
        d.ExpTransform(),
        d.SigmoidTransform(),
        d.ComposeTransform([d.ExpTransform()]),
        d.SoftmaxTransform(),
        d.PowerTransform(two),
    ]
    return rows


def data_rows() -> Makers:
    """Make data sets and loaders."""
    from torch.utils import data

    tensors = data.TensorDataset(torch.ones(4, 2), torch.zeros(4))
    return {
        "torch-data": lambda: tensors,
        "torch-data-subset": lambda: data.Subset(tensors, [0, 2]),
        "torch-data-split": lambda: data.random_split(tensors, [2, 2]),
        "torch-data-joined": lambda: data.ConcatDataset([tensors, tensors]),
        "torch-data-stacked": lambda: data.StackDataset(a=torch.ones(2), b=torch.ones(2)),
        "torch-data-samplers": lambda: [data.RandomSampler(tensors), data.SequentialSampler(tensors), data.BatchSampler(data.SequentialSampler(tensors), 2, True), data.WeightedRandomSampler([0.5, 0.5], 2), data.SubsetRandomSampler([0, 1])],
        "torch-data-loader": lambda: data.DataLoader(tensors, batch_size=2, shuffle=True),
    }  # fmt: skip


def optimizer_rows() -> Makers:
    """Make every optimizer with state, and schedulers over it."""

    def stepped(cls: Any) -> Any:
        weight = nn.Parameter(torch.ones(2, 2))
        weight.grad = torch.ones(2, 2)
        made = cls([weight], lr=0.1)
        made.step(lambda: torch.ones(1)) if cls is optim.LBFGS else made.step()
        return made

    def scheduled(make: Callable[[Any], Any]) -> Any:
        return make(stepped(optim.SGD))

    def state_of(make: Callable[[], Any]) -> Any:
        return make().state_dict()

    names = (
        "Adam",
        "AdamW",
        "SGD",
        "RMSprop",
        "Adagrad",
        "Adadelta",
        "Adamax",
        "NAdam",
        "RAdam",
        "ASGD",
        "Rprop",
        "LBFGS",
        "Adafactor",
        "Muon",
    )
    rows: Makers = {
        f"torch-optimizer-{name}": functools.partial(stepped, getattr(optim, name))
        for name in names
    }
    rows |= {f"{name}-state": functools.partial(state_of, make) for name, make in rows.items()}
    schedulers: dict[str, Callable[[Any], Any]] = {
        "StepLR": lambda o: optim.lr_scheduler.StepLR(o, 2), "MultiStepLR": lambda o: optim.lr_scheduler.MultiStepLR(o, [1, 2]),
        "CosineAnnealingLR": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 3), "OneCycleLR": lambda o: optim.lr_scheduler.OneCycleLR(o, 0.1, 9),
        "ReduceLROnPlateau": optim.lr_scheduler.ReduceLROnPlateau, "ExponentialLR": lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9),
        "LinearLR": optim.lr_scheduler.LinearLR, "ConstantLR": optim.lr_scheduler.ConstantLR, "PolynomialLR": optim.lr_scheduler.PolynomialLR,
        "CyclicLR": lambda o: optim.lr_scheduler.CyclicLR(o, 0.1, 1, cycle_momentum=False),
        "CosineAnnealingWarmRestarts": lambda o: optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
        "SequentialLR": lambda o: optim.lr_scheduler.SequentialLR(o, [optim.lr_scheduler.ConstantLR(o), optim.lr_scheduler.ExponentialLR(o, 0.9)], [2]),
        "SWALR": lambda o: optim.swa_utils.SWALR(o, 0.1),
    }  # fmt: skip
    for name, make in schedulers.items():
        scheduler = functools.partial(scheduled, make)
        rows[f"torch-scheduler-{name}"] = scheduler
        rows[f"torch-scheduler-{name}-state"] = functools.partial(state_of, scheduler)
    rows["torch-scaler"] = lambda: torch.amp.GradScaler("cpu").state_dict()
    return rows


def transformers_rows() -> Makers:
    """Make configurations, tokenizers, processors, outputs and arguments."""
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers

    def tokenizer() -> Any:
        made = Tokenizer(models.WordLevel(WORDS, "[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
        return t.PreTrainedTokenizerFast(tokenizer_object=made, **special)

    rows: Makers = {
        f"transformers-{name}": getattr(t, name)
        for name in ("BertConfig", "GPT2Config", "LlamaConfig", "T5Config", "ViTConfig", "WhisperConfig", "CLIPConfig", "MistralConfig", "Qwen2Config", "RobertaConfig", "DistilBertConfig", "BartConfig", "GenerationConfig", "Wav2Vec2Config", "PreTrainedConfig", "GemmaConfig", "MixtralConfig", "PhiConfig", "XLMRobertaConfig", "DebertaV2Config", "SwinConfig", "ResNetConfig", "DetrConfig", "Blip2Config")
    }  # fmt: skip
    return rows | {
        "transformers-arguments": lambda: t.TrainingArguments("out", report_to=[]),
        "transformers-arguments-more": lambda: t.Seq2SeqTrainingArguments("out", report_to=[], eval_strategy="no", lr_scheduler_type="cosine", optim="adamw_torch"),
        "transformers-tokenizer": tokenizer,
        "transformers-encoding": lambda: tokenizer()(["a model", "a"], padding=True, return_tensors="np"),
        "transformers-encoding-torch": lambda: tokenizer()(["a model", "a"], padding=True, return_tensors="pt"),
        "transformers-collator": lambda: t.DataCollatorWithPadding(tokenizer()),
        "transformers-collator-default": lambda: [t.default_data_collator, t.DefaultDataCollator()],
        "transformers-output": lambda: t.modeling_outputs.BaseModelOutput(last_hidden_state=torch.ones(1, 1, 2)),
        "transformers-output-more": lambda: t.modeling_outputs.SequenceClassifierOutput(logits=torch.ones(1, 2)),
        "transformers-state": lambda: t.TrainerState(epoch=1.0, global_step=3),
        "transformers-control": lambda: [t.TrainerControl(), t.IntervalStrategy.STEPS, t.SchedulerType.LINEAR],
        "transformers-prediction": lambda: [t.EvalPrediction(torch.ones(2).numpy(), torch.ones(2).numpy()), t.trainer_utils.PredictionOutput(None, None, {"a": 1})],
        "transformers-image": t.ViTImageProcessor,
        "transformers-features": lambda: t.BatchFeature({"pixel_values": torch.ones(1)}),
        "transformers-audio": t.Wav2Vec2FeatureExtractor,
        "transformers-added": lambda: [t.AddedToken("x"), t.BatchEncoding({"a": [1]})],
        "transformers-bert": lambda: t.BertModel(t.BertConfig(vocab_size=7, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, max_position_embeddings=4)),
        "transformers-gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=7, n_positions=4, n_embd=4, n_layer=1, n_head=1)),
        "transformers-llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(vocab_size=7, hidden_size=4, intermediate_size=4, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1)),
        "transformers-bits": lambda: t.GPTQConfig(4, tokenizer=None, dataset=["x"]),
        "transformers-watermark": t.WatermarkingConfig,
    }  # fmt: skip


def sentence_rows() -> Makers:
    """Make the modules and parts of sentence-transformers."""
    import sentence_transformers as s
    from sentence_transformers import losses, models

    def whole() -> Any:
        return s.SentenceTransformer(modules=[models.BoW(["a", "model"], {}), models.Dense(2, 2)])

    return {
        "sentence-pooling": lambda: models.Pooling(4),
        "sentence-dense": lambda: models.Dense(2, 2),
        "sentence-normalize": lambda: [models.Normalize(), models.LayerNorm(2), models.Dropout(0.1)],
        "sentence-words": lambda: models.BoW(["a", "model"], {}),
        "sentence-recurrent": lambda: [models.CNN(2, 2), models.LSTM(2, 2), models.WeightedLayerPooling(2)],
        "sentence-model": whole,
        "sentence-loss": lambda: losses.CosineSimilarityLoss(whole()),
        "sentence-example": lambda: [s.InputExample("x", ["a", "b"], 1.0)],
        "sentence-similarity": lambda: s.SimilarityFunction.COSINE,
        "sentence-arguments": lambda: s.SentenceTransformerTrainingArguments("out", report_to=[]),
        "sentence-card": lambda: s.SentenceTransformerModelCardData(language="en"),
        "sentence-router": lambda: models.Router.for_query_document([models.Dense(2, 2)], [models.Dense(2, 2)]),
        "sentence-static": lambda: models.StaticEmbedding(transformers_rows()["transformers-tokenizer"]()._tokenizer, embedding_dim=2),
    }  # fmt: skip


def diffusers_rows() -> Makers:
    """Make schedulers, small networks and configurations of diffusers."""
    import diffusers as d

    names = (
        "DDPMScheduler",
        "DDIMScheduler",
        "PNDMScheduler",
        "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler",
        "LMSDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "HeunDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "UniPCMultistepScheduler",
        "DEISMultistepScheduler",
        "FlowMatchEulerDiscreteScheduler",
        "LCMScheduler",
        "DDIMInverseScheduler",
        "IPNDMScheduler",
        "RePaintScheduler",
        "UnCLIPScheduler",
        "CMStochasticIterativeScheduler",
        "VQDiffusionScheduler",
        "TCDScheduler",
        "EDMEulerScheduler",
    )
    rows: Makers = {
        f"diffusers-{name}": functools.partial(
            getattr(d, name), **({"num_vec_classes": 4} if name.startswith("VQ") else {})
        )
        for name in names
    }
    return rows | {
        "diffusers-configuration": lambda: d.DDPMScheduler().config,
        "diffusers-unet": lambda: d.UNet2DModel(sample_size=2, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(2, 2), norm_num_groups=1, down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=1),
        "diffusers-vae": lambda: d.AutoencoderKL(1, 1, ("DownEncoderBlock2D",), ("UpDecoderBlock2D",), (2,), 1, norm_num_groups=1),
        "diffusers-transformer": lambda: d.Transformer2DModel(1, 2, 2, norm_num_groups=2, sample_size=2),
        "diffusers-output": lambda: d.schedulers.scheduling_ddpm.DDPMSchedulerOutput(prev_sample=torch.ones(1)),
        "diffusers-images": d.image_processor.VaeImageProcessor,
        "diffusers-images-output": lambda: d.ImagePipelineOutput(images=[]),
    }  # fmt: skip


def datasets_rows() -> Makers:
    """Make data sets in memory, their features, and the dictionary of splits."""
    import datasets as d
    import pyarrow as pa

    rows = d.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    return {
        "datasets-memory": lambda: rows,
        "datasets-splits": lambda: d.DatasetDict({"train": rows, "test": rows}),
        "datasets-features": lambda: [d.Features({"a": d.Value("int64"), "b": d.ClassLabel(names=["x", "y"]), "c": [d.Value("string")]}), d.Image(), d.Array2D((2, 2), "int8")],
        "datasets-information": lambda: d.DatasetInfo(description="x", features=rows.features, version="1.0.0"),
        "datasets-split": lambda: [d.Split.TRAIN, d.NamedSplit("test"), d.Version("1.2.3")],
        "datasets-formatted": lambda: rows.with_format("numpy"),
        "datasets-selected": lambda: rows.select([1]),
        "arrow-array": lambda: pa.array([1, 2, None]),
        "arrow-strings": lambda: pa.chunked_array([["a", None], ["b"]]),
        "arrow-table": lambda: rows.data.table,
        "arrow-types": lambda: [pa.schema([("a", "int8"), ("b", "string")]), pa.list_(pa.int8()), pa.timestamp("us", "UTC")],
    }  # fmt: skip


def pillow_rows() -> Makers:
    """Make images, which pickle as mode, size and bytes."""
    from PIL import Image

    return {
        "pillow-grey": lambda: Image.new("L", (2, 2), 7),
        "pillow-colour": lambda: [Image.new("RGB", (2, 3), "red"), Image.new("RGBA", (1, 1)), Image.new("I", (1, 1)), Image.new("F", (1, 1))],
        "pillow-palette": lambda: Image.new("RGB", (2, 2), "red").convert("P"),
        "pillow-bits": lambda: [Image.new("1", (3, 3), 1), Image.new("CMYK", (1, 1)), Image.new("LA", (1, 1))],
        "pillow-options": lambda: [Image.Resampling.BILINEAR, Image.Transpose.ROTATE_90],
    }  # fmt: skip


if __name__ == "__main__":
    main()
