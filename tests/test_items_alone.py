"""What is reported of an item of a batch is what is reported of it alone."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann
from torch_specinv import SpecInvError, invert, separate
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.constraints import Between, Confidence, KnownBins, MelBands, Mixture
from torch_specinv.mel import MelSpec
from torch_specinv.transform.stft import STFT

WIDE = {"n_fft": 128, "hop_length": 32, "window": hann(128)}
NARROW = {"n_fft": 64, "hop_length": 16, "window": hann(64)}
RUN = {"verbose": False, "tol": 0, "max_iter": 8, "eva_iter": 4}
LENGTHS = [1600, 480]
JUNK = complex(torch.nan, torch.nan)
SOUND = torch.stack([CLIPS[name](sr=8000, seconds=1.0, seed=2) for name in CLIPS]).double()


def waves(length):
    return SOUND[:, 1000 : 1000 + length]


def padded(parts, value=0.0):
    """Stack arrays (..., samples or frames) of different lengths."""
    most = max(part.shape[-1] for part in parts)
    behind = [part.new_full((*part.shape[:-1], most - part.shape[-1]), value) for part in parts]
    return torch.stack([torch.cat(pair, -1) for pair in zip(parts, behind, strict=True)])


def spectrum(wave, stft=WIDE):
    return STFT.of_wave(wave, **stft).analyse(wave)


MIXTURE = padded([waves(length).sum(0) for length in LENGTHS])


def same(batch, item, alone):
    for name, rows in alone.history.items():
        torch.testing.assert_close(batch.history[name][:, item], rows, rtol=0, atol=1e-6)
    count = alone.wave.shape[-1]
    torch.testing.assert_close(batch.wave[item][..., :count], alone.wave, rtol=0, atol=1e-9)


def mean_difference(a, b):
    """A metric of a user's, which averages over frames."""
    return (a - b).abs().flatten(1).mean(1)


@pytest.mark.parametrize("metric", ["lsd", mean_difference])
def test_metrics_are_of_the_frames_that_an_item_has(metric):
    parts = [spectrum(waves(length)[0]).abs() for length in LENGTHS]
    run = {**RUN, **WIDE, "metric": metric, "init": "zero"}
    batch = invert(padded(parts), "griffin_lim", lengths=LENGTHS, **run)
    for i, part in enumerate(parts):
        same(batch, i, invert(part, "griffin_lim", length=LENGTHS[i], **run))


@pytest.mark.parametrize("metric", ["lsd", mean_difference, "sc"])
def test_so_are_those_of_each_source(metric):
    parts = [spectrum(waves(length)).abs() for length in LENGTHS]
    run = {**RUN, **WIDE, "metric": metric}
    batch = separate(padded(parts), MIXTURE, lengths=LENGTHS, **run)
    ((name, values),) = batch.per_source.items()
    assert values.shape == (2, 2)
    for i, part in enumerate(parts):
        alone = separate(part, MIXTURE[i, : LENGTHS[i]], **run)
        assert alone.per_source[name].shape == (2,)
        torch.testing.assert_close(values[i], alone.per_source[name], rtol=0, atol=1e-6)
        same(batch, i, alone)


@pytest.mark.parametrize(("name", "count"), [("lbfgs", 5), ("auto", 70)])
def test_sources_of_items_with_lengths_are_polished(name, count):
    parts = [spectrum(waves(length)).abs() for length in LENGTHS]
    run = {"verbose": False, "max_iter": count, **WIDE}
    batch = separate(padded(parts), MIXTURE, name, lengths=LENGTHS, **run).wave
    assert (batch.sum(1) - MIXTURE).abs().max() < 1e-9
    for i, part in enumerate(parts):
        alone = separate(part, MIXTURE[i, : LENGTHS[i]], name, **run).wave
        assert (batch[i, :, : LENGTHS[i]] - alone).abs().max() < 1e-3 * alone.abs().max()


def test_logarithms_behind_the_ends_count_for_nothing():
    mel = MelSpec(8000, log="dB", clamp=1e-9)
    each = [
        [mel.record(spectrum(0.01 * waves(length)[0], stft).abs(), 20) for length in LENGTHS]
        for stft in (WIDE, NARROW)
    ]
    run = {"transforms": [{**WIDE, "mel": mel}, {**NARROW, "mel": mel}], **RUN}
    batch = invert([padded(parts, 7.0) for parts in each], "griffin_lim", lengths=LENGTHS, **run)
    for i, length in enumerate(LENGTHS):
        alone = invert([parts[i] for parts in each], "griffin_lim", length=length, **run)
        sc = batch.history["sc"][:, i]
        torch.testing.assert_close(sc, alone.history["sc"], rtol=0, atol=1e-6)


CONSTRAINTS = {
    "none": lambda spec: None,
    "confidence": lambda spec: Confidence(0.5 + 0 * spec.real),
    "known": lambda spec: KnownBins(spec, torch.arange(spec.shape[-1]).expand(spec.shape) % 3 > 0),
    "between": lambda spec: Between(0 * spec.real, torch.full(spec.shape, torch.inf)),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_phases_behind_the_ends_may_be_anything(name):
    parts = [spectrum(waves(length)[0]) for length in LENGTHS]
    constraint = CONSTRAINTS[name](padded(parts))
    run = {**RUN, **WIDE, "lengths": LENGTHS, "constraint": constraint}
    expected, found = (invert(padded(parts, v), "griffin_lim", **run) for v in (0.0, JUNK))
    assert torch.equal(found.wave, expected.wave)
    assert torch.equal(found.history["sc"], expected.history["sc"])


def test_so_may_those_of_several_spectrograms_and_of_sources():
    both = [[spectrum(waves(n)[0], stft) for n in LENGTHS] for stft in (WIDE, NARROW)]
    sources = [spectrum(waves(n)) for n in LENGTHS]
    run = {**RUN, "lengths": LENGTHS}
    several = [
        invert([padded(p, v) for p in both], "griffin_lim", transforms=[WIDE, NARROW], **run).wave
        for v in (0.0, JUNK)
    ]
    mixed = [
        invert(padded(sources, v), "griffin_lim", constraint=Mixture(MIXTURE), **run, **WIDE).wave
        for v in (0.0, JUNK)
    ]
    assert torch.equal(*several)
    assert torch.equal(*mixed)


def test_missing_values_of_a_spectrum():
    spec = spectrum(waves(1600)[0])
    spec[:, 20] = JUNK
    run = {**RUN, **WIDE, "length": 1600, "max_iter": 30}
    found = invert(spec, "griffin_lim", constraint=Confidence(missing=True), **run)
    assert found.history["sc"][-1] < -20
    weight = torch.ones(spec.shape, dtype=torch.float64)
    weight[:, 20] = 0
    again = invert(spec, "griffin_lim", constraint=Confidence(weight), **run)
    assert torch.equal(again.wave, found.wave)


def test_an_item_of_which_nothing_is_known_is_refused():
    parts = [spectrum(waves(length)[0]) for length in LENGTHS]
    spec = padded(parts)
    weight = torch.ones(spec.shape, dtype=torch.float64)
    weight[1] = 0
    known = torch.ones(spec.shape, dtype=torch.bool)
    for constraint in (KnownBins(spec, known, weight), Confidence(weight)):
        with pytest.raises(SpecInvError, match="item 1 has no magnitude that is known"):
            invert(spec.abs(), constraint=constraint, **WIDE, **RUN)
    weight[1, :, parts[1].shape[-1] :] = 1  # in its padding only
    with pytest.raises(SpecInvError, match="item 1 has no magnitude that is known"):
        invert(spec.abs(), constraint=Confidence(weight), lengths=LENGTHS, **WIDE, **RUN)


def test_the_plan_of_an_item_is_its_own():
    spec = spectrum(waves(1600)).abs()
    weight = torch.full(spec.shape, 0.5, dtype=torch.float64)
    weight[1] = (torch.arange(spec.shape[-1]) % 7 > 0).double()
    run = {"verbose": False, "max_iter": 100, **WIDE, "length": 1600}
    batch = invert(spec, "auto", constraint=Confidence(weight), **run)
    alone = invert(spec[1], "auto", constraint=Confidence(weight[1]), **run)
    torch.testing.assert_close(batch.wave[1], alone.wave, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*mel bands have no bin")
def test_bounds_of_bands_without_a_bin():
    mel = MelSpec(22050)
    sums = mel.bank(128, 60).double() @ spectrum(waves(1600)[0]).abs()
    assert (sums.sum(1) == 0).any()
    constraint = Between(0.9 * sums, 1.1 * sums, MelBands(mel, 128))
    found = invert(sums, "griffin_lim", constraint=constraint, length=1600, **RUN, **WIDE)
    assert found.history["sc"][-1] < -10
