"""run.toml -> Run. Everything that a training run may say, with its default; unknown keys are refused by `config`.

    name = "ravdess-cnn"
    [data]
    corpora = ["ravdess"]
    protocol = "ravdess/6fold"
    [features]
    set = "logmel"
    [model]
    name = "cnn"

A run is speaker-independent: folds come from a protocol, and what is chosen or stopped early is chosen on development
speakers, who are taken from the training side of each fold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from affekt.errors import UsageError

Balancing = Literal["none", "inverse", "effective", "focal", "logit-adjustment", "oversample", "smote", "sampler"]
"""inverse: loss weighted by 1 / count; effective: by the effective number (Cui et al. 2019); focal: Lin et al. 2017;
logit-adjustment: Menon et al. 2021; oversample: rare rows repeated; smote: rare rows interpolated (matrices only);
sampler: batches with every class alike."""


@dataclass(frozen=True, slots=True)
class Data:
    """What is learned from, and who is tested."""

    corpora: tuple[str, ...] = ()
    "names of `affekt data`'s corpora, each in a folder of its name below `root`"
    root: Path = Path("../shared/corpora")
    manifest: Path | None = None
    "instead of corpora: your own data, as a manifest (JSONL, Parquet), a CSV, or a folder with a folder per emotion"
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    'corpus -> options of its reader, e.g. table = {scale = "1:5"}; `affekt data show NAME` lists them'
    protocol: str | None = None
    """e.g. ravdess/6fold, which splits that corpus while all others train; speakers/5 deals all speakers into five
    groups, speakers/loso leaves each out, corpora/loco each corpus; random/5 deals recordings and needs allow_leak.
    None: one model on everybody, no scores but those of the development speakers"""
    folds: tuple[int, ...] = ()
    "only these folds, counted from 0; all when empty"
    development: float = 0.2
    """share of each fold's training speakers on whom early stopping and choices are made, at least one; 0: all train,
    for all epochs, and nothing is chosen"""
    labels: tuple[str, ...] = ()
    "emotions to tell apart, others are left out; those of the corpora when empty"
    merge: Mapping[str, str] = field(default_factory=dict)
    "emotion -> the emotion as which it is heard, e.g. calm -> neutral"
    keep: Mapping[str, float] = field(default_factory=dict)
    "emotion -> share of each training speaker's recordings of it that are kept; skews a corpus for experiments"
    allow_leak: bool = False
    "take a split that shares speakers; every output is then stamped LEAKY"


@dataclass(frozen=True, slots=True)
class Features:
    """What the model hears."""

    set: str = "logmel"
    "a file of affekt/features: logmel, mfcc, egemaps, whisper, ...; `samples` for an encoder that is trained itself"
    level: Literal["frames", "functionals"] = "frames"
    "functionals: one vector per utterance, for classical models"
    longest: float = 6.0
    "seconds; what is longer is cropped: at random in training, in the middle otherwise"
    crop: float | None = None
    "seconds of a random stretch in training; the whole utterance where none"
    trim: bool = False
    "cut silence at both ends; it has cost 2 points on RAVDESS"
    level_speech: bool = True
    "bring active speech to one level first, as `affekt predict` does"


@dataclass(frozen=True, slots=True)
class Model:
    """Which architecture: a file of affekt/models."""

    name: str = "svm"
    options: Mapping[str, Any] = field(default_factory=dict)
    "what the model's `Options` dataclass takes"
    search: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    "option -> values to try; the best is chosen on training speakers, in every fold anew"
    tries: int = 60
    "combinations of these at most; of more, Optuna picks so many"


@dataclass(frozen=True, slots=True)
class Target:
    """What is learned."""

    kind: Literal["emotion", "ratings", "affect", "both"] = "emotion"
    "ratings: the annotators' distribution (soft labels); affect: valence, arousal, dominance; both: emotion and affect"
    affect_loss: Literal["ccc", "mse"] = "ccc"
    affect_weight: float = 0.5
    "share of affect in the loss of `both`"
    smoothing: float = 0.0
    "of one-hot labels"


@dataclass(frozen=True, slots=True)
class Balance:
    """What is done about rare emotions."""

    strategy: Balancing = "inverse"
    beta: float = 0.999
    "of the effective number"
    gamma: float = 2.0
    "of the focal loss"
    tau: float = 1.0
    "of logit adjustment"


@dataclass(frozen=True, slots=True)
class Augmenting:
    """How a training utterance may sound; development and test speakers are heard as they are."""

    copies: tuple[str, ...] = ()
    """chains of affekt.augment, each a cached copy of every utterance: crop, speed, quick, stretch, pitch, shift; gain,
    clip, colour, lowpass; noise, white, pink, brown, recorded, babble; room, reverb; phone, phone_a_law, packets.
    Several in a row are joined by +, e.g. reverb+babble+phone. docs/train.md has their ranges, --listen lets you hear
    them"""
    ranges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    "chain -> option -> value, e.g. noise = {least = 5}; of chains that copies name"
    noise: Path | None = None
    "folder of recorded noise, for recorded"
    babble: Path | None = None
    "folder of voices, for babble, none of them of the run's own speakers; without it babble is made of the utterance"
    rooms: Path | None = None
    "folder of impulse responses, for reverb, which makes its own without it"
    weights: tuple[float, ...] = ()
    "of each copy where classical models are fitted, the recording itself counting 1; all 1 when empty"
    chance: float = 0.5
    "of a batch row being one of its copies rather than the recording itself"
    time_masks: int = 0
    "SpecAugment (Park et al. 2019): stretches of frames set to the mean"
    time_width: int = 30
    "frames"
    band_masks: int = 0
    band_width: int = 12
    "columns"
    mixup: float = 0.0
    "alpha of Zhang et al. 2018; 0: none"


@dataclass(frozen=True, slots=True)
class Optimise:
    """The neural loop: AdamW, warm-up, cosine."""

    epochs: int = 40
    rate: float = 1e-3
    decay: float = 0.01
    batch: float = 96.0
    "seconds of padded speech per step, so that memory is bounded"
    warmup: float = 0.1
    "share of all steps"
    clip: float = 1.0
    "norm of the gradient"
    patience: int = 10
    "epochs without a better development score; 0: never stop early"
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    encoder_rate: float | None = None
    "learning rate of a pretrained encoder's own weights; a tenth of `rate` when not given"
    average: float = 0.0
    "decay of an exponential moving average of the weights, e.g. 0.99; 0: none"
    seeds: int = 1
    "models that are trained with different seeds and averaged"
    rotate: bool = False
    "each seed has other development speakers, so that together the models hear every training speaker"
    head_first: int = 0
    "epochs in which only the head learns, before a pretrained encoder's weights move"


@dataclass(frozen=True, slots=True)
class Run:
    """One training run: config.load(Run, "run.toml").

    >>> Run("demo", Data(corpora=("emodb",), protocol="emodb/loso")).features.set
    'logmel'

    Raises:
        UsageError: no data, or both kinds; a share out of range.
    """

    name: str
    data: Data
    features: Features = field(default_factory=Features)
    model: Model = field(default_factory=Model)
    target: Target = field(default_factory=Target)
    balance: Balance = field(default_factory=Balance)
    augment: Augmenting = field(default_factory=Augmenting)
    optimise: Optimise = field(default_factory=Optimise)
    seed: int = 0
    folder: Path = Path("runs")
    "results go to folder/name"
    cache: Path = Path("cache/features")
    "features are kept here, by what they were computed from"
    tensorboard: bool = False
    "loss, development score and learning rate of each epoch go to folder/name/tensorboard"
    mlflow: str | None = None
    "the same to an MLflow store, e.g. sqlite:///mlflow.db or a server's address; needs pip install mlflow-skinny"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w .+-]*", self.name):
            raise UsageError(
                f"name must be letters, digits, spaces and . _ + -, as it names a folder; got {self.name!r}"
            )
        if bool(self.data.corpora) == (self.data.manifest is not None):
            raise UsageError("a run needs either data.corpora or data.manifest, and not both")
        if not 0 <= self.data.development < 1:
            raise UsageError(f"data.development must lie between 0 and 1, got {self.data.development:g}")
        if not self.data.development and (self.data.protocol is None or self.model.search):
            raise UsageError("data.development = 0 leaves nobody to choose on: name a protocol, and search for nothing")
