"""What every network owes: padding changes nothing, any length is heard, and the graph says what torch says."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from onnxruntime import InferenceSession  # noqa: E402

from affekt import registry  # noqa: E402
from affekt.models import _pooling  # noqa: E402
from affekt.models._blocks import Deltas, Norm, Normalise  # noqa: E402
from affekt.models._recurrent import Recurrent  # noqa: E402
from affekt.training import batches, export  # noqa: E402

NETWORKS = {
    "cnn": {},
    "cnn, slopes": {"deltas": True, "centre": "corpus", "joined": 1},
    "resnet": {},
    "bilstm": {},
    "bilstm, gru of three frames": {"cell": "gru", "joined": 3, "layers": 2},
    "crnn": {},
    "crnn, lstm": {"cell": "lstm", "deltas": True},
}
LENGTHS = (37, 120, 64, 121, 1, 8)


def made(name: str, dim: int = 80, labels: int = 5):
    plugin = registry.load("models", name.partition(",")[0])
    torch.manual_seed(0)
    net = plugin.build(dim, labels, options=plugin.Options(**NETWORKS[name]))
    net.normalise.fit(rows(dim))
    for module in net.modules():
        if isinstance(module, Norm):  # as after training, so that a shift could leak into padding
            module.mean.normal_()
            module.shift.data.normal_()
        if isinstance(module, _pooling.Attention):
            module.score[-1].weight.data.normal_()
    return net


def rows(dim: int = 80):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(n, dim)) * 3 - 5).astype(np.float32) for n in LENGTHS]


@pytest.fixture(params=sorted(NETWORKS))
def net(request):
    return made(request.param)


def test_padding_changes_no_output(net):
    """A batch of unlike lengths gives each row what it is given alone, without a mask."""
    net.eval()
    x, mask = batches.pad(rows())
    with torch.no_grad():
        logits, affect = net(x, mask)
        for i, row in enumerate(rows()):
            alone = net(torch.from_numpy(row)[None], None)
            assert torch.allclose(logits[i], alone[0][0], atol=1e-4), LENGTHS[i]
            assert torch.allclose(affect[i], alone[1][0], atol=1e-4), LENGTHS[i]


def test_what_lies_in_the_padding_changes_nothing(net):
    net.eval()
    x, mask = batches.pad(rows())
    rubbish = torch.where(mask[..., None], x, torch.tensor(1e3))
    with torch.no_grad():
        for one, other in zip(net(x, mask), net(rubbish, mask), strict=True):
            assert torch.allclose(one, other, atol=1e-4)


def test_padding_changes_no_gradient(net):
    """Also in training, where batch statistics are measured: longer padding gives the same loss and slopes."""
    for part in net.modules():
        if isinstance(part, torch.nn.modules.dropout._DropoutNd):
            part.p = 0.0
    net.train()
    x, mask = batches.pad(rows())
    slopes = []
    for more in (0, 40):
        longer = torch.nn.functional.pad(x, (0, 0, 0, more))
        logits, affect = net(longer, torch.nn.functional.pad(mask, (0, more)))
        net.zero_grad()
        (logits[:, 0].sum() + affect.sum()).backward()
        slopes.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for one, other in zip(*slopes, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=2e-4)


def test_the_graph_says_what_torch_says_at_any_length(net):
    """One window at a time, the number of frames free; to 1e-4."""
    net.eval()
    session = InferenceSession(export.graph([net], 80))
    for row in rows():
        probs, affect = session.run(["probs", "affect"], {"x": row[None]})
        with torch.no_grad():
            logits, expected = net(torch.from_numpy(row)[None], None)
        np.testing.assert_allclose(probs, logits.softmax(dim=1).numpy(), atol=1e-4)
        np.testing.assert_allclose(affect, expected.numpy(), atol=1e-4)


def test_a_graph_of_several_networks_averages_their_probabilities():
    nets = [made("bilstm").eval(), made("bilstm").eval()]
    nets[1].heads.emotion.weight.data.normal_()
    row = rows()[1][None]
    probs = InferenceSession(export.graph(nets, 80)).run(["probs"], {"x": row})[0]
    with torch.no_grad():
        each = [net(torch.from_numpy(row), None)[0].softmax(dim=1).numpy() for net in nets]
    np.testing.assert_allclose(probs, np.mean(each, axis=0), atol=1e-4)


def test_silence_and_a_single_frame_are_judged_with_numbers(net):
    net.eval()
    with torch.no_grad():
        for x in (torch.zeros(1, 300, 80), torch.full((1, 1, 80), -1.5)):
            assert all(torch.isfinite(output).all() for output in net(x, None))


def test_affect_stays_within_its_scale(net):
    net.eval()
    net.heads.affect.weight.data.mul_(100)
    with torch.no_grad():
        _, affect = net(*batches.pad(rows()))
    assert affect.abs().max() <= 1


@pytest.mark.parametrize("dim", [13, 40, 81])
def test_any_feature_set_is_heard(dim):
    """MFCC of 13 or 40 columns, or columns that no pooling divides evenly."""
    for name in NETWORKS:
        logits, affect = made(name, dim)(*batches.pad(rows(dim)))
        assert logits.shape == (len(LENGTHS), 5)
        assert affect.shape == (len(LENGTHS), 3)


def test_the_compact_network_stays_below_a_hundred_thousand_parameters():
    plugin = registry.load("models", "resnet")
    net = plugin.build(80, 8, options=plugin.Options())
    assert sum(parameter.numel() for parameter in net.parameters()) < 100_000


def test_a_turned_up_microphone_is_not_heard_when_each_utterance_is_centred():
    """A gain shifts log-mel by a constant, and the utterance's own mean takes it away."""
    net = made("resnet").eval()
    row = torch.from_numpy(rows()[1])[None]
    with torch.no_grad():
        assert torch.allclose(net(row, None)[0], net(row + 0.7, None)[0], atol=1e-4)


# The pieces -------------------------------------------------------------------------------------------------------


def test_normalisation_measures_the_frames_it_is_given():
    normalise = Normalise(80)
    normalise.fit(rows())
    frames = np.concatenate(rows())
    np.testing.assert_allclose(normalise.mean.numpy(), frames.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(normalise.deviation.numpy(), frames.std(axis=0), rtol=1e-4)


def test_a_column_that_never_moves_is_not_divided_by_zero():
    normalise = Normalise(2)
    normalise.fit([np.ones((10, 2), np.float32)])
    assert torch.isfinite(normalise(torch.ones(1, 3, 2))).all()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_both_directions_are_those_of_torchs_packed_rows(cell, layers):
    """States and slopes, each row at its own length."""
    torch.manual_seed(0)
    own = Recurrent(6, 5, cell=cell, layers=layers)
    theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](6, 5, layers, batch_first=True, bidirectional=True)
    for suffix, parts in (("", own.forwards), ("_reverse", own.backwards)):
        for layer, part in enumerate(parts):
            for name, value in part.named_parameters():
                getattr(theirs, name.removesuffix("0") + f"{layer}{suffix}").data = value.data
    x, mask = batches.pad(rows(6))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, mask.sum(1), batch_first=True, enforce_sorted=False)
    states, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    assert torch.allclose(own(x, mask), states, atol=1e-5)
    own(x, mask).square().sum().backward()
    states.square().sum().backward()
    slope = own.backwards[0].weight_ih_l0.grad
    assert torch.allclose(slope, theirs.weight_ih_l0_reverse.grad, rtol=1e-3, atol=1e-4)


def test_batch_normalisation_is_torchs_where_nothing_is_padded():
    ours, theirs = Norm(4), torch.nn.BatchNorm2d(4)
    x = torch.randn(3, 4, 10, 6)
    assert torch.allclose(ours(x, None), theirs(x), atol=1e-5)
    assert torch.allclose(ours.mean, theirs.running_mean, atol=1e-6)


def test_batch_normalisation_measures_real_frames_only():
    norm, alone = Norm(4), Norm(4)
    x = torch.randn(2, 4, 10, 6)
    padded = torch.cat([x, torch.zeros(2, 4, 5, 6)], dim=2)
    mask = torch.arange(15)[None].expand(2, -1) < 10
    assert torch.allclose(norm(padded, mask)[:, :, :10], alone(x, None), atol=1e-5)
    assert torch.allclose(norm.variance, alone.variance, atol=1e-6)


def test_slopes_of_a_ramp_are_its_slope():
    ramp = torch.arange(20.0)[None, :, None] * 2
    slopes = Deltas()(ramp, None)[0, 1, :, 0] / 3
    assert torch.allclose(slopes[2:-2], torch.full((16,), 2.0))


def test_attention_begins_as_plain_statistics():
    pool, x = _pooling.AttentiveStatistics(3), torch.randn(2, 9, 3)
    expected = torch.cat([x.mean(dim=1), x.std(dim=1, correction=0)], dim=1)
    assert torch.allclose(pool(x), expected, atol=1e-3)


def test_networks_are_rebuilt_from_safetensors():
    """A state dict written and read without pickle is the same network."""
    from safetensors.torch import load, save

    net, other = made("crnn"), made("crnn")
    torch.nn.init.normal_(net.heads.emotion.weight)
    other.load_state_dict(load(save({k: v.contiguous() for k, v in net.state_dict().items()})))
    x = torch.from_numpy(rows()[0])[None]
    assert torch.equal(net.eval()(x)[0], other.eval()(x)[0])


@pytest.mark.parametrize(("stem", "fast"), [(10, False), (16, True)])
def test_few_channels_keep_the_layout_in_which_torch_does_not_die(stem, fast):
    """With fewer than 16 channels, torch 2.13's channels-last convolutions write beyond their memory going backward."""
    own = registry.load("models", "resnet")
    net = own.build(80, 8, options=own.Options(stem=stem))
    assert net.stem.conv.weight.is_contiguous(memory_format=torch.channels_last) == fast
    for _ in range(5):
        logits, _ = net(torch.randn(12, 151, 80), torch.ones(12, 151, dtype=torch.bool))
        logits.square().mean().backward()
    assert torch.isfinite(net.stem.conv.weight.grad).all()
