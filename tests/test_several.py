"""One waveform from several spectrograms: the joint transform, every method, batches, errors."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, invert
from torch_specinv.mel import MelSpec
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.several import SeveralSTFT, split, stack
from torch_specinv.transform.stft import STFT

TAKING = sorted(ALGORITHMS.keys() - {"rtisi_la", "pghi"})
WIDE = {"n_fft": 256, "hop_length": 64, "window": hann(256)}
NARROW = {"n_fft": 64, "hop_length": 16, "window": hann(64)}
BOTH = [WIDE, NARROW]


def spectrograms(wave):
    return [magnitude(wave, hop_length=s["hop_length"], n_fft=s["n_fft"]) for s in BOTH]


def joint(length, parts=BOTH):
    wave = torch.zeros(length, dtype=torch.float64)
    return SeveralSTFT([STFT.of_wave(wave, **part) for part in parts])


ODD = [{**WIDE, "normalized": True}, {"n_fft": 100, "hop_length": 25, "window": hann(100)}, NARROW]


@pytest.mark.parametrize("parts", [BOTH, ODD])
def test_its_inverse_is_the_least_squares_one(parts):
    wave = torch.randn(2, 1000, dtype=torch.float64)
    several = joint(1000, parts)
    spectrum = several.analyse(wave)
    assert (several.synthesise(spectrum) - wave).abs().max() < 1e-12
    # about the energy of the wave in each
    weights = several.bin_weights()
    sizes = [
        (part.abs().square() * w).sum() / wave.square().sum()
        for part, w in zip(
            several.split(spectrum), several.split(weights.expand(-1, 2)), strict=True
        )
    ]
    assert all(0.8 < size < 1.2 for size in sizes)
    # nothing that a wave explains is left in what synthesis leaves: it is the nearest wave
    other = torch.view_as_complex(torch.randn(*spectrum.shape, 2, dtype=torch.float64))
    rest = other - several.analyse(several.synthesise(other))
    inner = (torch.view_as_real(rest) * torch.view_as_real(spectrum)).sum(-1) * weights
    # (silent frames beside an odd last one, and imaginary parts of real bins, are no wave's)
    assert inner.sum((1, 2)).abs().max() < 1e-9 * other.abs().square().sum()
    turns = sum(several.synthesise(other[..., k::2], slice(k, None, 2)) for k in range(2))
    assert (turns - several.synthesise(other)).abs().max() < 1e-12


def test_stacking_is_undone():
    parts = [torch.randn(3, 5, 7), torch.randn(3, 4, 8)]
    for part, again in zip(parts, split(stack(parts), [(5, 7), (4, 8)]), strict=True):
        assert torch.equal(part, again)


@pytest.mark.parametrize("name", TAKING)
def test_every_algorithm_fits_both(speech, name):
    specs = spectrograms(speech)
    found = invert(specs, name, transforms=BOTH, length=2000, max_iter=30, verbose=False)
    assert found.wave.shape == (2000,)
    assert (found.history["sc"][-1] < found.history["sc"][0]).all()
    alone = invert(specs[0], name, max_iter=30, length=2000, verbose=False, **WIDE).wave

    def worst(wave):
        again = spectrograms(wave)
        return max(float((a - s).norm() / s.norm()) for a, s in zip(again, specs, strict=True))

    assert worst(found.wave) < worst(alone)


def test_each_item_starts_from_the_spectrogram_that_comes_nearest(speech):
    """In each item another one of both is given with its true phase, and the other is noise."""
    wave = torch.stack([speech, speech])
    true = [STFT.of_wave(wave, **part).analyse(wave) for part in BOTH]
    noise = torch.Generator().manual_seed(0)
    specs = []
    for number, spectrum in enumerate(true):
        phase = torch.rand(spectrum.shape, generator=noise, dtype=torch.float64) * 6.28
        random = torch.polar(spectrum.abs(), phase)
        right = (torch.arange(2) == number)[:, None, None]
        specs.append(torch.where(right, spectrum, random))
    found = invert(
        specs, "griffin_lim", transforms=BOTH, length=wave.shape[-1], max_iter=1, verbose=False
    )
    assert (found.history["sc"][0] < -60).all()


def test_turns_are_those_of_even_and_odd_frames(speech):
    """The reported error is that of both, whatever the engine did in between."""
    specs = spectrograms(speech)
    found = invert(specs, "amdr", transforms=BOTH, length=2000, max_iter=20, verbose=False)
    several, again = joint(2000), spectrograms(found.wave)
    scaled = list(zip(again, specs, several.scales, strict=True))
    error = sum(((a - s) * k).square().sum() for a, s, k in scaled)
    energy = sum((s * k).square().sum() for _, s, k in scaled)
    assert torch.allclose(found.history["sc"][-1], 10 * torch.log10(error / energy), atol=1e-6)


def test_bands_beside_bins(speech):
    conventions = MelSpec(8000, log="ln", clamp=1e-5)
    specs = spectrograms(speech)
    mel = conventions.record(specs[0], 40)
    run = {"length": 2000, "max_iter": 30, "verbose": False}
    transforms = [{**WIDE, "mel": conventions}, NARROW]
    found = invert([mel, specs[1]], "amdr", transforms=transforms, **run).wave
    alone = invert(mel, "amdr", mel=conventions, max_iter=30, length=2000, verbose=False, **WIDE)

    def distance(wave):
        return (spectrograms(wave)[0] - specs[0]).norm()

    assert distance(found) < 0.7 * distance(alone.wave)


def test_each_item_equals_the_item_alone(clips):
    specs = spectrograms(clips)
    run = {"transforms": BOTH, "max_iter": 10, "tol": 0, "verbose": False}
    together = invert(specs, "raar", length=2048, **run)
    for i in (0, 2, 5):
        single = invert([s[i] for s in specs], "raar", length=2048, **run)
        assert (together.wave[i] - single.wave).abs().max() < 1e-9
    lengths = [2048, 1500, 1801] + [2048] * 5
    cut = [s.clone() for s in specs]
    ragged = invert(cut, "raar", lengths=lengths, **run)
    alone = [s[1, ..., : 1 + 1500 // t["hop_length"]] for s, t in zip(cut, BOTH, strict=True)]
    single = invert(alone, "raar", length=1500, **run)
    assert (ragged.wave[1, :1500] - single.wave).abs().max() < 1e-9
    assert (ragged.wave[1, 1500:] == 0).all()


def test_starts_from_given_phases(speech):
    c = [torch.stft(speech, return_complex=True, **part) for part in BOTH]
    for given in (c, [c[0], c[1].abs()], [c[0].abs(), c[1]]):
        found = invert(
            given, "griffin_lim", transforms=BOTH, length=2000, max_iter=3, verbose=False
        )
        assert (found.wave - speech).abs().max() < 1e-8


def test_gradients():
    wave = torch.randn(60, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    stfts = [{"n_fft": n, "window": hann(n)} for n in (16, 8)]
    specs = [torch.stft(wave, return_complex=True, **s).abs() for s in stfts]

    def inverted(a, b):
        run = {"transforms": stfts, "max_iter": 2, "tol": 0, "length": 60, "verbose": False}
        return invert([a, b], "griffin_lim", init="zero", **run).wave

    inputs = tuple(spec.requires_grad_() for spec in specs)
    assert torch.autograd.gradcheck(inverted, inputs, atol=1e-5)


A, B = spectrograms(torch.randn(1600, dtype=torch.float64))


@pytest.mark.parametrize(
    ("spec", "more", "message"),
    [
        (A, {}, "expected lists of spectrograms"),
        ([A], {"transforms": [WIDE]}, "expected two or more"),
        ([A, B, B], {}, "holds 3 spectrograms, transforms 2 entries"),
        ([A, B[None]], {}, r"spec\[1\] is \(1, 33, 101\).* expected one batch"),
        ([A, B.float()], {}, "one dtype"),
        ([A, -B], {}, r"spec\[1\] holds negative values"),
        ([A, B[..., :40]], {}, r"transforms\[1\] and spec\[1\]: length=1600: 40 frames"),
        ([A, B], {"n_fft": 256}, "n_fft and transforms are both given"),
        ([A, B], {"constraint": print}, "constraint and transforms are both given"),
        ([A, B], {"transforms": [WIDE, 64]}, r"transforms\[1\] is a int: expected a dict"),
        ([A, B], {"transforms": [WIDE, {**NARROW, "hop": 3}]}, "Did you mean 'hop_length'"),
        ([A, B], {"transforms": [WIDE, {"mel": MelSpec(8000)}]}, "has mel= and no n_fft"),
        ([A, B], {"init": A}, "init is a tensor"),
        ([A, B], {"algorithm": "pghi"}, "PGHI takes one transform"),
        ([A, B], {"algorithm": "rtisi_la"}, "RTISILA takes one transform"),
        ([A, B], {"backend": "chunked"}, "it takes one transform"),
        ([A, B], {"transforms": [WIDE, {**NARROW, "mel": MelSpec(8000, power=2.0)}]}, "of powers"),
    ],
)  # fmt: skip
def test_refused(spec, more, message):
    with pytest.raises(SpecInvError, match=message):
        invert(spec, **{"algorithm": "griffin_lim", "transforms": BOTH, "verbose": False, **more})
