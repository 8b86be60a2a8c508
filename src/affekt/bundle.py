"""A folder -> Model. A trained model as data: model.onnx, card.json and run.toml; no code, no pickle.

`model.onnx` takes what the card's `input` says: a vector per window, (n, dimensions), or one window's frames, (1,
frames, dimensions); where it says nothing, embeddings of the encoder that the card names, (n, 2304). It gives
calibrated probabilities and, if it was trained to, affect. Version and hash of the features are in the card, so that a
head never meets features that it was not trained on. Bundled models lie in `bundles/` beside this file; any other
folder of this shape loads as well.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affekt import config, hearing
from affekt.errors import BundleError, UnknownNameError, UsageError
from affekt.features import whisper
from affekt.hearing import Input
from affekt.manifest import Manifest
from affekt.types import Affect, LabelSet, Prediction, Signal, Window

SCHEMA = "affekt.bundle/1"
FOLDER = Path(__file__).parent / "bundles"

Use = Literal["anything", "non-commercial", "research"]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Card:
    """What a bundle is, what it was trained on, how well it does and where it must not be trusted."""

    name: str
    version: str
    title: str
    licence: str
    "short, e.g. CC0-1.0"
    licence_line: str
    "one sentence for people, printed with every result"
    use: Use
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    "order of the probabilities"
    trained_on: tuple[str, ...]
    scores: Mapping[str, Any]
    limits: tuple[str, ...]
    threshold: float
    "confidence below which a prediction is uncertain"
    affect: str
    "where valence, arousal and dominance come from"
    encoder: str
    encoder_sha256: str
    sha256: str
    "of model.onnx"
    command: str = ""
    "that trains it again"
    input: Mapping[str, Any] = field(default_factory=dict)
    "what the model hears, the fields of `affekt.hearing.Input`; empty: embeddings of the encoder"
    notes: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    "bytes of the bundle and its encoder"

    @property
    def id(self) -> str:
        """Name and version, as they stand in every prediction.

        >>> card("permissive").id
        'permissive@1'
        """
        return f"{self.name}@{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        values = {"schema": SCHEMA, **asdict(self)}
        return values if self.input else {key: value for key, value in values.items() if key != "input"}

    @property
    def text(self) -> str:
        """The card as Markdown, for people."""
        lines = [
            f"# {self.title} (`{self.id}`)",
            "",
            self.licence_line,
            "",
            f"- Emotions: {', '.join(self.labels)}; uncertain below a confidence of {self.threshold:g}",
            f"- Valence, arousal, dominance: {self.affect}",
            f"- Languages heard in training: {', '.join(self.languages)}",
            f"- Hears: {_heard(self)}",
            f"- Size: {self.size / 1e6:.1f} MB with its encoder ({self.encoder})",
            f"- Licence: {self.licence}; may be used for: {self.use}",
            *([f"- Trained by: `{self.command}`"] if self.command else []),
        ]
        lines += ["", "## Trained on", "", *(f"- {corpus}" for corpus in self.trained_on)]
        lines += ["", "## Scores, on speakers it has not heard", "", *_bullets(self.scores)]
        lines += ["", "## Limits", "", *(f"- {limit}" for limit in self.limits)]
        return "\n".join(lines) + "\n"


def _heard(card: Card) -> str:
    if not card.input:
        return f"embeddings of {card.encoder}"
    return f"{card.input['level']} of {card.input['set']}, version {card.input['version']}"


def _bullets(values: Mapping[str, Any], depth: int = 0) -> list[str]:
    found = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += [f"{'  ' * depth}- {name}", *_bullets(value, depth + 1)]
        else:
            shown = " to ".join(f"{v:g}" for v in value) if isinstance(value, list | tuple) else f"{value}"
            found.append(f"{'  ' * depth}- {name}: {shown}")
    return found


class Bundle:
    """A loaded model: windows in, predictions out.

    >>> model = load("permissive")
    >>> model.labels.names[:3]
    ('anger', 'boredom', 'disgust')
    """

    def __init__(self, card: Card, folder: Path) -> None:
        """Open the model of a card; use `load`."""
        import onnxruntime

        _verify(folder / "model.onnx", card.sha256)
        self._input = _input(card)
        self.card = card
        self.folder = folder
        self.id = card.id
        self.labels = LabelSet(card.labels)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        outputs = {output.name: output.shape[-1] for output in self._session.get_outputs()}
        self._x, width = self._session.get_inputs()[0].name, outputs.get("probs")
        self.affective = "affect" in outputs
        "whether it gives valence, arousal and dominance"
        if width != len(card.labels):
            raise BundleError(f"{folder}: the model gives {width} probabilities, its card {len(card.labels)} emotions")

    def __repr__(self) -> str:
        return f"<Bundle {self.id}: {', '.join(self.labels)}; {self.card.use}>"

    def predict(self, windows: Sequence[Window]) -> list[Prediction]:
        """Judge each window; one prediction each, in order.

        Args:
            windows: 16 kHz, levelled, at most 30 s each; of one longer than a trained model's input, the middle is
                judged.

        Raises:
            UsageError: a window of another rate or longer than the encoder hears.
        """
        if not windows:
            return []
        probs, affect = self.judge([self.hear(window.signal) for window in windows])
        return [
            self._prediction(*row)
            for row in zip(windows, probs, [None] * len(probs) if affect is None else affect, strict=True)
        ]

    @property
    def hears(self) -> str:
        """What the features of a signal depend on, to know them again in a cache."""
        return f"embedding of whisper {hearing.version('whisper')}" if self._input is None else f"{self._input}"

    def hear(self, signal: Signal) -> Floats:
        """Give what `judge` takes of one window: a vector (dimensions,) or frames (frames, dimensions).

        Args:
            signal: 16 kHz, levelled, as in a `Window`.

        Raises:
            UsageError: another rate, or longer than the encoder hears.
        """
        return whisper.embed(signal) if self._input is None else self._input.hear(signal)

    @cached_property
    def run(self) -> Mapping[str, Any]:
        """How it was trained, run.toml; empty where there is none."""
        path = self.folder / "run.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise BundleError(f"{path} cannot be read: {error}") from error

    @property
    def merge(self) -> dict[str, str]:
        """Emotions of corpora that were heard as another one in training, e.g. calm as neutral."""
        return dict(self.run.get("merge") or self.run.get("data", {}).get("merge") or {})

    def knows(self, manifest: Manifest) -> str | None:
        """Say in words how this model knows these recordings from its training, None where it does not.

        A model that was trained here remembers a digest of each speaker's name and the fingerprint of each manifest.
        Of others, and of the bundled ones, the corpora's names are all there is to go by.

        >>> from affekt.types import Utterance
        >>> one = Manifest("emodb", LabelSet(("fear",)), (Utterance("a", "a.wav", "emodb/03", "fear"),), "", "")
        >>> load("permissive").knows(one)
        'it was trained on emodb'
        """
        voices = {_digest(name) for name in manifest.speakers}
        for name, heard in self._heard().items():
            if heard.get("fingerprint") == manifest.fingerprint:
                return f"it was trained on these very recordings ({name})"
            if shared := voices & set(heard.get("speakers", ())):
                return f"in training ({name}) it heard {len(shared)} of these {len(voices)} speakers"
            if "speakers" not in heard and any(one.partition("/")[0] == name for one in _names(manifest)):
                return f"it was trained on {name}"
        return None

    def _beside(self) -> dict[str, str]:
        """Fingerprints that a run wrote into the folder in which its bundle lies."""
        try:
            return dict(json.loads((self.folder.parent / "data.json").read_text(encoding="utf-8"))["fingerprints"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _heard(self) -> dict[str, dict[str, Any]]:
        """Corpus -> what is known of those who spoke in it."""
        if told := self.card.notes.get("heard"):
            return dict(told)
        own = {**self.run.get("fingerprints", {}), **self._beside()}
        prints = {name: {"fingerprint": value} for name, value in own.items()}
        named = [line.partition(":")[0].split()[0].lower() for line in self.card.trained_on if ":" in line]
        return {name: {} for name in (*named, *self.run.get("data", {}).get("corpora", ()))} | prints

    def judge(self, heard: NDArray[np.float32] | Sequence[NDArray[np.float32]]) -> tuple[Floats, Floats | None]:
        """Judge what windows gave: probabilities (n, labels); valence, arousal, dominance (n, 3), or None.

        Args:
            heard: vectors, (n, dimensions), or for a model of frames n arrays (frames, dimensions).
        """
        if self._input is None or self._input.level == "functionals":
            return self._run(np.asarray(heard, np.float32))
        said = [self._run(frames[None]) for frames in heard]  # one by one: no padding to leak
        probs, affect = zip(*said, strict=True)
        return np.concatenate(probs), np.concatenate(affect) if self.affective else None

    def _run(self, x: Floats) -> tuple[Floats, Floats | None]:
        names = ["probs", "affect"] if self.affective else ["probs"]
        probs, *affect = self._session.run(names, {self._x: x})
        return probs, affect[0] if affect else None

    def _prediction(self, window: Window, probs: Floats, affect: Floats | None) -> Prediction:
        shares = probs.astype(np.float64)
        shares /= shares.sum()
        confidence = float(shares.max())
        return Prediction(
            segment=window.signal.segment,
            labels=self.labels,
            probs=tuple(shares.tolist()),
            affect=None if affect is None else Affect(*affect.tolist()),
            speaker=window.speaker,
            confidence=confidence,
            uncertain=confidence < self.card.threshold,
            model=self.id,
        )


def heard(manifests: Iterable[Manifest]) -> dict[str, dict[str, Any]]:
    """Give what a card remembers of who was heard in training, without their names: corpus -> fingerprint, speakers.

    It stands in a card's notes as `heard`, and `Bundle.knows` reads it.
    """
    return {m.name: {"fingerprint": m.fingerprint, "speakers": [*map(_digest, m.speakers)]} for m in manifests}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _names(manifest: Manifest) -> tuple[str, ...]:
    """A corpus goes by its own name, and its speakers bear the name of the corpus that they come from."""
    return (manifest.name, *manifest.speakers)


def names() -> list[str]:
    """Return the bundled models' names.

    >>> names()
    ['default', 'permissive']
    """
    return sorted(path.parent.name for path in FOLDER.glob("*/card.json"))


def card(source: str | Path = "default") -> Card:
    """Read a bundle's card alone.

    Args:
        source: a bundled name, or a bundle's folder.

    Raises:
        UnknownNameError: neither a bundled name nor a folder.
        BundleError: the folder holds no card, or one of another version.
    """
    folder = _folder(source)
    path = folder / "card.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder} holds no card.json, so it is no bundle") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    return _parse(found, path)


def load(source: str | Path = "default") -> Bundle:
    """Load a bundled model by name, or any bundle by its folder.

    Raises:
        UnknownNameError: neither a bundled name nor a folder.
        BundleError: incomplete, altered, or of another version.
    """
    return Bundle(card(source), _folder(source))


def _folder(source: str | Path) -> Path:
    if isinstance(source, str) and source in names():
        return FOLDER / source
    if Path(source).is_dir():
        return Path(source)
    raise UnknownNameError("model (and no folder)", str(source), names())


def _parse(found: Any, path: Path) -> Card:
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise BundleError(f"{path} is not a card of the kind {SCHEMA}; was the bundle made by another version?")
    known = {item.name for item in fields(Card)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items() if k in known}
    try:
        made = Card(**values)
    except TypeError as error:
        raise BundleError(f"{path} is incomplete: {error}") from error
    if len(set(made.labels)) < len(made.labels):
        raise BundleError(f"{path} names emotions twice: {', '.join(made.labels)}")
    if not (isinstance(made.threshold, int | float) and 0 <= made.threshold <= 1):
        raise BundleError(f"{path}: threshold must be a number from 0 to 1, not {made.threshold!r}")
    own = [] if made.input and made.input.get("set") != "whisper" else [whisper.WEIGHTS]
    size = sum(p.stat().st_size for p in [*path.parent.iterdir(), *own] if p.is_file())
    return replace(made, size=size)


def _verify(path: Path, digest: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if found != digest:
        raise BundleError(f"{path} is not the file its card describes (SHA-256 {found[:12]}..., not {digest[:12]}...)")


def _input(card: Card) -> Input | None:
    """What the model hears, None for the encoder's embedding; refuse features that it was not trained on."""
    if not card.input:
        if (card.encoder, card.encoder_sha256) != (whisper.NAME, whisper.SHA256):
            raise BundleError(
                f"{card.id} was trained on another encoder ({card.encoder}); this version has {whisper.NAME}"
            )
        _encoder_is_whole()
        return None
    try:
        found = config.parse(Input, card.input, source=f"{card.id}, input")
        here = hearing.version(found.set)
    except UsageError as error:
        raise BundleError(f"{error}; was the bundle made by another version?") from error
    if here != found.version:
        raise BundleError(
            f"{card.id} was trained on version {found.version} of the features {found.set}; here is {here}: train it "
            f"again, or use the version of affekt that it was trained with"
        )
    if found.set == "whisper":
        _encoder_is_whole()
    return found


@cache
def _encoder_is_whole() -> None:
    _verify(whisper.WEIGHTS, whisper.SHA256)


def save(card: Card, model: bytes, run: str, folder: Path) -> None:
    """Write a bundle.

    Args:
        card: its `sha256` and `size` are filled in.
        model: the ONNX graph.
        run: TOML of the run that made it.
        folder: is made if absent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    (folder / "run.toml").write_text(run, encoding="utf-8")
    values = {**card.to_dict(), "sha256": hashlib.sha256(model).hexdigest()}
    values.pop("size")
    (folder / "card.json").write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def export_linear(
    labels: tuple[NDArray[np.float64], NDArray[np.float64]],
    affect: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    from_probs: bool = False,
) -> bytes:
    """Make the graph of a linear head: embedding -> probs, affect (clipped to [-1, 1]).

    Args:
        labels: weights (dimensions, labels), already divided by the temperature, and bias (labels,).
        affect: weights (dimensions or labels, 3) and bias (3,).
        from_probs: affect is computed from the probabilities rather than from the embedding.

    Raises:
        MissingExtraError: the extra `train` is not installed.
    """
    from affekt.registry import need

    onnx = need("onnx", extra="train")
    make, tensor, real = onnx.helper, onnx.numpy_helper.from_array, onnx.TensorProto.FLOAT

    def constant(name: str, value: NDArray[np.float64]) -> Any:
        return tensor(value.astype(np.float32), name)

    nodes = [
        make.make_node("Gemm", ["embedding", "W", "b"], ["scores"]),
        make.make_node("Softmax", ["scores"], ["probs"], axis=-1),
        make.make_node("Gemm", ["probs" if from_probs else "embedding", "A", "a"], ["raw"]),
        make.make_node("Clip", ["raw", "low", "high"], ["affect"]),
    ]
    values = [constant("W", labels[0]), constant("b", labels[1]), constant("A", affect[0]), constant("a", affect[1])]
    values += [constant("low", np.array(-1.0)), constant("high", np.array(1.0))]
    graph = make.make_graph(
        nodes,
        "linear head",
        [make.make_tensor_value_info("embedding", real, ["n", labels[0].shape[0]])],
        [
            make.make_tensor_value_info("probs", real, ["n", labels[0].shape[1]]),
            make.make_tensor_value_info("affect", real, ["n", 3]),
        ],
        values,
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    exported: bytes = model.SerializeToString()
    return exported
