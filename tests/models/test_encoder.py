"""Pretrained encoders: the real Whisper, and small random ones of the other families written to disk."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import clips

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from onnxruntime import InferenceSession  # noqa: E402

from affekt.errors import UsageError  # noqa: E402
from affekt.features import logmel  # noqa: E402
from affekt.models import _backbones, encoder  # noqa: E402
from affekt.models.encoder import Options  # noqa: E402
from affekt.training import batches, export, loop  # noqa: E402
from affekt.training.examples import Examples  # noqa: E402
from affekt.training.run import Data, Features, Optimise, Run  # noqa: E402
from affekt.types import LabelSet  # noqa: E402

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16, 16, 16),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
FAMILIES = {
    "wav2vec2": ("Wav2Vec2", {}),
    "wav2vec2 with stable norm": ("Wav2Vec2", {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}),
    "hubert": ("Hubert", {}),
    "wavlm": ("WavLM", {}),
    "data2vec-audio": ("Data2VecAudio", {"conv_pos_kernel_size": 5}),
}
WHISPER = {
    "d_model": 32,
    "encoder_layers": 3,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 16,
    "vocab_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Folders of small random checkpoints, as the hub's are laid out."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    for name, (family, more) in FAMILIES.items():
        config = getattr(transformers, f"{family}Config")(**SMALL, **more)
        getattr(transformers, f"{family}Model")(config).save_pretrained(folder / name)
    config = transformers.WhisperConfig(**WHISPER)
    transformers.WhisperModel(config).save_pretrained(folder / "whisper")
    return folder


@pytest.fixture(params=[*sorted(FAMILIES), "whisper"])
def source(request, checkpoints):
    return str(checkpoints / request.param)


def tiny() -> str:
    folder = clips.SHARED / "weights" / "whisper-tiny.en-encoder"
    if not folder.is_dir():
        pytest.skip("no weights/whisper-tiny.en-encoder in ../shared")
    return str(folder)


def dim(source: str) -> int:
    return 80 if "whisper" in source else 1


def rows(source: str) -> list[np.ndarray]:
    """Frames or samples of unlike lengths."""
    rng = np.random.default_rng(0)
    lengths = (61, 120, 33, 1) if dim(source) == 80 else (9000, 16000, 3001, 900)
    return [rng.normal(size=(n, dim(source))).astype(np.float32) * 0.3 for n in lengths]


def made(source: str, **chosen):
    torch.manual_seed(0)
    net = encoder.build(dim(source), 4, options=Options(source=source, **chosen)).eval()
    torch.manual_seed(0)
    for attention in net.core.attention:
        attention.score[-1].weight.data.normal_()
    return net


def test_padding_changes_no_output(source):
    """Neither attention, nor group norm over samples, nor pooling hears it."""
    net = made(source)
    x, mask = batches.pad(rows(source))
    with torch.no_grad():
        logits, affect = net(x, mask)
        for i, row in enumerate(rows(source)):
            alone = net(torch.from_numpy(row)[None], None)
            assert torch.allclose(logits[i], alone[0][0], atol=1e-4)
            assert torch.allclose(affect[i], alone[1][0], atol=1e-4)


def test_the_states_are_transformers_own(source):
    """What we run layer by layer is what the library runs, where it takes the input."""
    backbone = _backbones.load(source, 0).eval()
    library = transformers.AutoModel.from_pretrained(source).eval()
    if "whisper" in source:
        pytest.skip("the library takes Whisper's input only when padded to 30 s; see the test with real weights")
    x = torch.from_numpy(rows(source)[1])[None]
    z = (x - x.mean()) / (x.var(correction=0) + 1e-7).sqrt()
    with torch.no_grad():
        expected = library(z[..., 0], output_hidden_states=True).hidden_states
        hidden, mask = backbone.front(x, None)
        states = backbone.climb(backbone.enter(hidden, mask), mask, 0, 3)
    for ours, theirs in zip(states[:2], expected[1:3], strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_whisper_without_padding_is_whisper_with_it():
    """On 30 s, where both take the same input, the layers agree."""
    backbone = _backbones.load(tiny(), 0)
    config = transformers.WhisperConfig.from_pretrained(tiny())
    theirs = transformers.models.whisper.modeling_whisper.WhisperEncoder(config).eval()
    names = theirs.state_dict()
    from safetensors.torch import load_file

    theirs.load_state_dict({k: v.float() for k, v in load_file(f"{tiny()}/encoder.safetensors").items()})
    assert len(names)
    x = torch.randn(1, 3000, 80, generator=torch.Generator().manual_seed(0)) * 0.3
    with torch.no_grad():
        expected = theirs(x.transpose(1, 2), output_hidden_states=True).hidden_states
        hidden, _ = backbone.front(x, None)
        states = backbone.climb(backbone.enter(hidden, None), None, 0, 4)
    for ours, other in zip(states[:3], expected[1:4], strict=True):
        assert torch.allclose(ours, other, atol=2e-3)


@pytest.mark.parametrize("chosen", [{}, {"mix": "stack", "hidden": 0}, {"adapt": "lora", "rank": 2}])
def test_the_graph_says_what_torch_says_at_any_length(source, chosen):
    net = made(source, **chosen)
    for name, parameter in net.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_()
    session = InferenceSession(export.graph([net], dim(source)))
    for row in rows(source)[:3]:
        probs, affect = session.run(["probs", "affect"], {"x": row[None]})
        with torch.no_grad():
            logits, expected = net(torch.from_numpy(row)[None], None)
        np.testing.assert_allclose(probs, logits.softmax(dim=1).numpy(), atol=1e-4)
        np.testing.assert_allclose(affect, expected.numpy(), atol=1e-4)


def trained(net) -> set[str]:
    return {name for name, parameter in net.core.named_parameters() if parameter.requires_grad}


def test_frozen_trains_the_head_alone(source):
    net = made(source)
    assert not any("backbone" in name for name in trained(net))
    assert net.core.rates() == []


def test_full_trains_every_layer_and_no_convolution(source):
    names = trained(made(source, adapt="full"))
    assert all(any(f"layers.{i}." in name for name in names) for i in range(3))
    assert not any("conv" in name.replace("conv_pos", "") for name in names)


def test_partial_trains_the_last_layers(source):
    names = trained(made(source, adapt="partial", last=1))
    assert any("layers.2." in name for name in names)
    assert not any("layers.0." in name or "layers.1." in name for name in names)


def test_lora_trains_small_matrices_beside_frozen_ones(source):
    """And begins as the encoder was: the second matrix is zero."""
    net, frozen = made(source, adapt="lora", last=2), made(source)
    layers = {name for name in trained(net) if ".layers." in name}
    assert layers
    assert all("lora_" in name for name in layers)
    assert not any("layers.0." in name for name in layers)
    x = torch.from_numpy(rows(source)[0])[None]
    with torch.no_grad():
        below = [n.core._states(*n.base(x, None)) for n in (net, frozen)]
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*below, strict=True))


def test_layers_below_the_first_trained_one_are_run_once(source):
    """The base holds them, and base and core together are the network."""
    net = made(source, adapt="partial", last=1)
    assert net.base.split == (0 if "wavlm" in source else 2)
    whole = made(source, adapt="full")
    x = torch.from_numpy(rows(source)[0])[None]
    with torch.no_grad():
        assert torch.allclose(net.core.pooled(*net.base(x, None)), whole.core.pooled(*whole.base(x, None)), atol=1e-5)


def test_lower_layers_learn_slower_when_asked(source):
    rates = [factor for _, factor in made(source, adapt="full", decay=0.5).core.rates()]
    assert rates == [0.25, 0.5, 1.0]


def test_fewer_layers_can_be_used(source):
    assert len(made(source, layers=2).core.layer_weights) == 2
    with pytest.raises(UsageError, match="3 layers, 9 were asked"):
        made(source, layers=9)


def test_a_recording_shorter_than_a_convolution_is_judged_with_numbers(checkpoints):
    net = made(str(checkpoints / "hubert"))
    with torch.no_grad():
        assert torch.isfinite(net(torch.zeros(1, 3, 1), None)[0]).all()


# In the loop ------------------------------------------------------------------------------------------------------


def corpus(source: str, n: int = 24) -> Examples:
    rng = np.random.default_rng(0)
    emotions = np.arange(n) % 3
    long = (40, 80) if dim(source) == 80 else (3000, 6000)
    x = [rng.normal(size=(int(rng.integers(*long)), dim(source))).astype(np.float32) for _ in range(n)]
    speakers = np.array([f"s{i // 6}" for i in range(n)])
    known = np.ones((n, 3), bool)
    ratings = np.eye(3, dtype=np.float32)[emotions]
    ids = np.array([f"u{i}" for i in range(n)])
    nobody = np.full((n, 3), np.nan, np.float32)
    labels = LabelSet(("anger", "neutral", "sadness"))
    return Examples(labels, ids, speakers, np.array(["made"] * n), x, emotions, ratings, nobody, known)


def asked(source: str, **optimise) -> Run:
    features = Features("logmel" if dim(source) == 80 else "samples")
    chosen = {"epochs": 2, "batch": 3.0, **optimise}
    return Run("made", Data(corpora=("emodb",)), features, optimise=Optimise(**chosen))


def module_of(source: str, **chosen):
    return partial(encoder.build, options=Options(source=source, **chosen))


@pytest.mark.parametrize("chosen", [{}, {"adapt": "full"}, {"adapt": "partial", "last": 1}, {"adapt": "lora"}])
def test_every_way_of_adapting_trains_and_moves_only_what_it_should(source, chosen):
    data = corpus(source)
    fitted = loop.fit(data, None, asked(source, encoder_rate=1e-3), module_of=module_of(source, **chosen))
    before, after = made_like(source, chosen), fitted.modules[0]
    moved = [
        name
        for (name, a), (_, b) in zip(before.core.named_parameters(), after.core.named_parameters(), strict=True)
        if "backbone.layers" in name and not torch.equal(a, b)
    ]
    assert bool(moved) == (chosen.get("adapt", "frozen") != "frozen")
    assert np.isfinite(fitted.probs(data.x)).all()


def made_like(source: str, chosen):
    torch.manual_seed(0)
    return encoder.build(dim(source), 3, options=Options(source=source, **chosen))


def test_what_is_cached_is_what_the_whole_network_says(source):
    """Judging through the cache, in half precision, is judging the recording."""
    data = corpus(source)
    fitted = loop.fit(data, None, asked(source), module_of=module_of(source, adapt="partial", last=1))
    x, mask = batches.pad(data.x)
    with torch.no_grad():
        whole = fitted.modules[0](x, mask)[0].softmax(dim=1).numpy()
    np.testing.assert_allclose(fitted.probs(data.x), whole, atol=2e-3)


def test_the_encoder_waits_while_the_head_learns(checkpoints):
    source = str(checkpoints / "whisper")
    data = corpus(source)
    run = asked(source, epochs=1, head_first=1)
    fitted = loop.fit(data, None, run, module_of=module_of(source, adapt="full"))
    before = made_like(source, {"adapt": "full"}).core.backbone.state_dict()
    after = fitted.modules[0].core.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_adapted_encoder_resumes_to_the_very_same_weights(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_AFTER", 0.0)
    source = str(checkpoints / "wav2vec2")
    data, run = corpus(source), asked(source, average=0.9, head_first=1)
    make = module_of(source, adapt="lora", rank=2)

    def cut(done: int, of: int) -> None:
        if done == of - 1:
            raise KeyboardInterrupt

    whole = loop.fit(data, None, run, module_of=make)
    with pytest.raises(KeyboardInterrupt):
        loop.fit(data, None, run, module_of=make, on_step=cut, checkpoint=tmp_path)
    resumed = loop.fit(data, None, run, module_of=make, checkpoint=tmp_path)
    one, other = (fitted.modules[0].state_dict() for fitted in (whole, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_head_that_begins_as_an_lda_is_right_before_the_first_step():
    """On real speech with the real encoder: no step is taken that counts, and most of the training set is right."""
    manifest = clips.sample(clips.corpus("emodb"), 60)
    names = sorted({u.emotion for u in manifest})
    x = [logmel.extract(clips.levelled(signal))[:300] for signal in clips.read(manifest)]
    emotions = np.array([names.index(u.emotion) for u in manifest])
    n, k = len(x), len(names)
    data = Examples(
        LabelSet(tuple(names)),
        np.array([u.id for u in manifest]),
        np.array([u.speaker for u in manifest]),
        np.array(["emodb"] * n),
        x,
        emotions,
        np.eye(k, dtype=np.float32)[emotions],
        np.full((n, 3), np.nan, np.float32),
        np.ones((n, k), bool),
    )
    run = replace(asked("whisper", epochs=1, rate=1e-12, batch=60.0))
    make = module_of(tiny(), layers=3, mix="stack", hidden=0, start="lda")
    fitted = loop.fit(data, None, run, module_of=make)
    assert (fitted.probs(x).argmax(axis=1) == emotions).mean() > 0.9


# Mistakes ---------------------------------------------------------------------------------------------------------


def test_an_encoder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="hub id"):
        encoder.build(80, 3, options=Options(source=str(tmp_path / "nothing")))


def test_a_language_model_is_refused_with_the_families_that_hear(tmp_path):
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="'bert'; known: whisper, wav2vec2"):
        encoder.build(80, 3, options=Options(source=str(tmp_path)))


def test_an_encoder_that_hears_something_else_says_what(checkpoints):
    with pytest.raises(UsageError, match=r"hears features\.set = 'samples'"):
        encoder.build(80, 3, options=Options(source=str(checkpoints / "hubert")))
    with pytest.raises(UsageError, match=r"hears features\.set = 'logmel'"):
        encoder.build(1, 3, options=Options(source=str(checkpoints / "whisper")))


def test_matrices_that_no_layer_has_are_named_with_those_it_has(checkpoints):
    with pytest.raises(UsageError, match="it has fc1, fc2"):
        encoder.build(80, 3, options=Options(source=str(checkpoints / "whisper"), adapt="lora", targets=("query",)))


def test_options_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError, match="needs last"):
        Options(adapt="partial")
    with pytest.raises(UsageError, match="needs hidden = 0"):
        Options(start="lda")
