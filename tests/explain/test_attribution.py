"""Models whose reasons are known are explained by these reasons; real models by what they do lose."""

from __future__ import annotations

import numpy as np
import pytest
from ears import Ear, noise, power
from hypothesis import given, settings
from hypothesis import strategies as st

import clips
from affekt import bundle, explain, windows
from affekt.errors import UnknownNameError, UsageError
from affekt.explain import _masks, bands, faithfulness, moments
from affekt.explain._judge import Judge
from affekt.features import whisper


def judge(rule, seconds=2.0) -> Judge:
    return Judge(Ear(rule), windows.whole(noise(seconds)), "anger")  # type: ignore[arg-type]


def spoke(signal):
    """Anger is sound from 0.8 to 1.0 s, and what speaks against it is sound from 1.4 to 1.6 s."""
    return 3 * power(signal, 0.8, 1.0) - 2 * power(signal, 1.4, 1.6)


@pytest.fixture(scope="module")
def permissive():
    return bundle.load("permissive")


@pytest.fixture(scope="module")
def speech():
    return [windows.whole(signal) for signal in clips.read(clips.sample(clips.corpus("emodb"), 3))]


@pytest.mark.parametrize("method", [moments.masked, moments.occluded])
def test_moments_find_the_reasons_of_a_rule(method):
    worth = method(judge(spoke))
    assert len(worth) == 100
    found = moments.spread(worth, 20)
    assert np.flatnonzero(found == found.max())[0] in (8, 9)
    assert np.flatnonzero(found == found.min())[0] in (14, 15)
    assert worth[40:50].mean() > 0 > worth[70:80].mean()
    assert abs(worth[:30].mean()) < worth[40:50].mean() / 4


def test_what_moments_say_adds_up_to_what_is_lost():
    """Replacing the stretch of a reason costs about the sum of its moments."""
    one = judge(lambda signal: 3 * power(signal, 0.8, 1.0))
    assert moments.masked(one)[40:50].sum() == pytest.approx(3, rel=0.4)


def test_bands_find_the_reasons_of_a_rule():
    edges = explain.edges(bands.BANDS, 16000)
    low, high = edges[3:5]
    worth = bands.masked(judge(lambda signal: 3 * power(signal, 0.0, 2.0, low, high), 2.4))
    assert worth.shape == (bands.MOMENTS, bands.BANDS)
    assert worth.sum(axis=0).argmax() == 3
    assert worth[:, 3].sum() > 3 * np.abs(np.delete(worth.sum(axis=0), 3)).max()


@given(count=st.integers(3, 30), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_leaving_a_frame_out_is_pooling_the_others(count, seed):
    """Exactly, from running sums: the same as whisper.pool of the frames that are left."""
    rng = np.random.default_rng(seed)
    frames, shares = rng.normal(5, 2, (count, 4)), rng.dirichlet(np.ones(count))
    each = moments.without(frames, shares)
    for gone in range(count):
        left = np.arange(count) != gone
        rest = (shares[left] / shares[left].sum()).astype(np.float32)
        assert np.allclose(each[gone], whisper.pool(frames[left].astype(np.float32), rest), atol=1e-3)


def test_pooled_moments_are_what_the_head_loses(permissive, speech):
    for window in speech:
        one = Judge(permissive, window, permissive.predict([window])[0].emotion)
        frames, shares = whisper.heard(window.signal)
        left = np.arange(len(frames)) != 7
        rest = whisper.pool(frames[left], shares[left] / shares[left].sum())
        both = one.score(one.vectors(np.array([whisper.embed(window.signal), rest])))
        lost = moments.spread(np.eye(len(frames))[7], moments.count(window.signal.duration)).argmax()
        if len(frames) == moments.count(window.signal.duration):
            assert moments.pooled(one)[lost] == pytest.approx(both[0] - both[1], abs=0.01)


def test_real_judgements_fall_without_what_spoke_for_them(speech):
    """Three clips of EmoDB: more than without random moments or the loudest, and alone it is enough for more."""
    model, found = bundle.load("default"), []
    for window in speech:
        one = Judge(model, window, model.predict([window])[0].emotion)
        check = faithfulness.check(one, moments.masked(one, calls=64))
        found.append([check.whole, check.without_top, check.without_random, check.without_loudest])
        found[-1] += [check.only_top, check.only_random]
    whole, top, random, loudest, alone, random_alone = np.mean(found, axis=0)
    assert top < min(whole, random, loudest)
    assert alone > random_alone


def test_a_check_hears_the_reasons_of_a_rule():
    """Without them nothing is left, with them alone everything; random moments are in between."""
    one = judge(lambda signal: 6 * power(signal, 0.8, 1.2) - 3)
    truth = (np.arange(100) >= 40) & (np.arange(100) < 60)
    check = faithfulness.check(one, truth.astype(float))
    assert check.without_top < check.only_random < 0.5 < check.without_random < check.whole
    assert check.only_top == pytest.approx(check.whole, abs=0.05)
    assert not faithfulness.check(one, -truth.astype(float)).faithful


def test_masks_are_as_large_as_asked():
    masks = _masks.runs(50, 40, share=0.2, run=3)
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert (masks.sum(axis=1) == 8).all()


@given(seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_weights_of_a_sum_are_its_terms(seed):
    terms = np.random.default_rng(seed).normal(size=12)
    masks = _masks.runs(300, 12, share=0.3, run=1, seed=seed)
    for prior in (None, terms + np.random.default_rng(seed + 1).normal(0, 0.3, 12)):
        assert np.allclose(_masks.weigh(masks, masks @ terms, penalty=0.01, prior=prior), terms, atol=0.02)


def test_against_is_the_difference_of_two_emotions(permissive, speech):
    window = speech[0]
    probs = np.array(permissive.predict([window])[0].probs)[None]
    anger, sad = (permissive.labels.index(name) for name in ("anger", "sadness"))
    one = Judge(permissive, window, "anger", "sadness")
    assert one.score(probs)[0] == pytest.approx(np.log(probs[0, anger] / probs[0, sad]))
    assert one.share(probs)[0] == pytest.approx(probs[0, anger] / (probs[0, anger] + probs[0, sad]))


@pytest.mark.parametrize(
    ("target", "against", "error"),
    [("surprise", None, UnknownNameError), ("anger", "joy", UnknownNameError), ("anger", "anger", UsageError)],
)
def test_a_wrong_question_is_refused(permissive, target, against, error):
    with pytest.raises(error):
        explain.explain(permissive, windows.whole(noise(0.5)), target=target, against=against)


def test_a_short_window_is_explained_too(permissive):
    said = explain.explain(permissive, windows.whole(noise(0.25)), fast=True)
    assert len(said.moments) == 12
    assert np.isfinite(said.moments).all()


def test_the_json_form_is_whole(permissive):
    said = explain.explain(permissive, windows.whole(noise(1.0), speaker="left"), source="x.wav", fast=True)
    found = said.to_dict()
    assert found["schema"] == "affekt.explanation/1"
    assert (found["source"], found["speaker"], found["model"]) == ("x.wav", "left", "permissive@1")
    assert len(found["moments"]) == 50
    assert np.array(found["frequencies"]["cells"]).shape == (bands.MOMENTS, bands.BANDS)
    assert found["warning"].startswith("An attribution")
    assert found["moments"] == [round(value, 4) for value in said.moments.tolist()]


def test_the_top_stretches_hold_a_fifth_of_the_window(permissive):
    said = explain.explain(permissive, windows.whole(noise(1.0)), fast=True)
    assert sum(end - start for start, end in said.top()) == pytest.approx(0.2)
