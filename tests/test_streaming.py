"""Frames in, sound out: every rule and start, pushed against offline, and the state."""

from __future__ import annotations

import copy
import io
import math
import pickle
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from tests.conftest import hann, magnitude
from torch_specinv import STFT, Constraint, SpecInvError, invert, metrics, phase_init
from torch_specinv.algorithms import GriffinLim
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import preset
from torch_specinv.online import GUESSES, Streaming
from torch_specinv.transform.windows import gaussian_width

RULES = ["griffin_lim", "raar", "difference_map", "agla", "admm"]
KEYWORDS = {"n_fft": 128, "hop_length": 32, "window": hann(128)}


def through(stream: Streaming, spec: Tensor) -> Tensor:
    """What a stream makes of (..., rows, frames), one frame after the other."""
    return torch.cat([*(stream.push(frame) for frame in spec.unbind(-1)), stream.flush()], -1)


def offline(spec: Tensor, rule: str, guess: str, **keywords) -> Tensor:
    return invert(spec, "rtisi_la", rule=rule, guess=guess, verbose=False, **keywords).wave


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("init", sorted(GUESSES))
@pytest.mark.parametrize("extra", [{}, {"center": False, "hop_length": 40}, {"onesided": False}])
def test_pushing_is_the_offline_call(clips, rule, init, extra):
    keywords = {**KEYWORDS, **extra}
    spec = torch.stft(clips[:3, :900], return_complex=True, **keywords).abs()
    for look_ahead in (0, 2):
        own = {"look_ahead": look_ahead, "max_iter": 3}
        pushed = through(Streaming(algorithm=rule, init=init, **own, **keywords), spec)
        expected = offline(spec, rule, init, **own, **keywords)
        # as after it, signs of bins that are almost nothing are chance
        assert pushed.shape == expected.shape
        assert (pushed - expected).abs().max() < 1e-9


def test_frames_come_in_blocks_of_any_size(clips):
    spec = magnitude(clips[:4, :900], 128).reshape(2, 2, 65, -1)
    whole = through(Streaming(init="pghi", **KEYWORDS), spec)
    stream = Streaming(init="pghi", **KEYWORDS)
    parts = [stream.push(block) for block in spec.split([1, 7, 3, spec.shape[-1] - 11], -1)]
    assert parts[0].shape == (2, 2, 0)
    assert torch.equal(torch.cat([*parts, stream.flush()], -1), whole)
    assert whole.shape == (2, 2, 32 * (spec.shape[-1] - 1))


@pytest.mark.parametrize("init", sorted(GUESSES))
def test_batch_equals_single_silence_and_levels(clips, init):
    spec = magnitude(clips[:, :900], 128)
    together = through(Streaming(init=init, max_iter=4, **KEYWORDS), spec)
    assert (together[2] == 0).all()
    for i in range(8):
        alone = through(Streaming(init=init, max_iter=4, **KEYWORDS), spec[i])
        assert (together[i] - alone).abs().max() <= 1e-9 * clips[i].abs().max()
    loud = through(Streaming(init=init, max_iter=4, **KEYWORDS), spec * 2.0**80)
    assert torch.equal(loud, together * 2.0**80)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_dtypes_and_strides(speech, dtype):
    spec = magnitude(speech, 128)
    stream = Streaming(n_fft=128, window="hann")
    # a frame of a (bins, frames) tensor is not contiguous
    wave = through(stream, spec.to(dtype))
    assert wave.dtype == dtype
    expected = through(Streaming(n_fft=128, window="hann"), spec)
    again = magnitude(wave.double(), 128), magnitude(expected, 128)
    assert abs(float(metrics.sc(again[0], spec) - metrics.sc(again[1], spec))) < 1


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_the_latency_is_what_is_still_missing(speech, center, look_ahead):
    """Samples from the newest one that was looked at back to the newest one returned."""
    stream = Streaming(look_ahead=look_ahead, center=center, **KEYWORDS)
    spec = magnitude(speech, 128, hop_length=32, center=center)
    returned = sum(len(stream.push(frame)) for frame in spec.T)
    newest = 32 * (spec.shape[-1] - 1) + 128 - 64 * center
    assert newest - returned == stream.latency == 128 + (look_ahead - 1) * 32
    assert stream.latency_seconds(8000) == stream.latency / 8000


def test_look_ahead_is_worth_it():
    wave = speech_like(8000, 1.0).double()
    spec = magnitude(wave, 256)

    def error(**keywords):
        found = through(Streaming(n_fft=256, window=hann(256), **keywords), spec)
        return float(metrics.sc(magnitude(found, 256), spec))

    errors = [error(look_ahead=k) for k in (0, 1, 3)]
    assert errors[0] > errors[1] + 1 > errors[2] + 2
    # the first phase alone: PGHI beats a pulse, and a centred slope the causal one
    alone = {k: error(look_ahead=k, init="pghi", max_iter=0) for k in (0, 1)}
    assert alone[1] < alone[0] < error(look_ahead=0, init="zero", max_iter=0) - 5
    whole = magnitude(invert(spec, "pghi", window=hann(256), verbose=False).wave, 256)
    assert alone[1] < float(metrics.sc(whole, spec)) + 5


def test_pghi_goes_on_by_the_formula(speech):
    """Where the bin one frame earlier is the strongest neighbour, the phase comes from there."""
    n, hop, window = 128, 32, hann(128)
    spec = magnitude(speech, n, hop_length=hop)[:, 8:10]
    phases = []

    class Noting:
        past = 1

        def __call__(self, arrival, geometry):
            made = GUESSES["pghi"](0)(arrival, geometry)
            phases.append(made[0, -1].angle())
            return made

    stream = Streaming(look_ahead=0, max_iter=0, init=Noting(), **KEYWORDS)
    for frame in spec.T:
        stream.push(frame)
    before, now = (spec[:, m].numpy() for m in (0, 1))
    both = (before * now).clip(1e-300)
    checked = 0
    for k in range(1, n // 2):
        if before[k] > max(now[k - 1 : k + 2]):
            slope = math.log(both[k + 1] / both[k - 1]) / 4
            step = 2 * math.pi * hop * k / n + hop * n / gaussian_width(window) * slope
            wrong = float(phases[1][k] - phases[0][k]) - step
            assert abs(math.remainder(wrong, 2 * math.pi)) < 1e-4
            checked += 1
    assert checked > 10


def test_spsi_alone_is_that_of_the_whole(speech):
    spec = magnitude(speech, 128)
    whole = phase_init(spec, method="spsi", window=hann(128))
    expected = STFT.of(spec, window=hann(128)).synthesise(whole[None])[0]
    pushed = through(Streaming(init="spsi", max_iter=0, **KEYWORDS), spec)
    assert (pushed - expected)[128:-128].abs().max() < 1e-6


@pytest.mark.parametrize("name", ["hifigan", "tacotron2", "kaldi", "whisper", "scipy"])
@pytest.mark.parametrize("look_ahead", [0, 1])
def test_frames_of_a_preset(name, look_ahead):
    recipe = preset(name, n_fft=256) if name == "scipy" else preset(name)
    wave = speech_like(recipe.sr or 8000, 0.3).double()
    spec = recipe.record(wave)
    own = {"look_ahead": look_ahead, "max_iter": 2, "preset": recipe}
    pushed = through(Streaming(algorithm="admm", **own), spec)
    expected = offline(spec, "admm", "least_squares", **own)
    assert pushed.shape == expected.shape
    assert (pushed - expected).abs().max() < 1e-6 * expected.abs().max()
    assert expected.abs().max() < 4 * wave.abs().max()
    if recipe.sr:
        stream = Streaming(preset=recipe)
        assert stream.latency_seconds() == stream.latency / recipe.sr


@dataclass(frozen=True, eq=False)
class KnownPhases(Constraint):
    """Rows that hold magnitudes, phases, and which of these are known."""

    target: Tensor
    phase: Tensor
    known: Tensor
    tensors = ("target", "phase", "known")

    @classmethod
    def of(cls, rows: Tensor) -> KnownPhases:
        return cls(*rows.chunk(3, 1))

    def project(self, spectrum: Tensor) -> Tensor:
        known = torch.polar(self.target, self.phase)
        return torch.where(self.known > 0, known, torch.polar(self.target, spectrum.angle()))


def test_known_phases_in_further_rows(speech):
    true = torch.stft(speech, return_complex=True, **KEYWORDS)
    known = torch.zeros_like(true.abs())
    errors = []
    for part in (0, 20, 65):
        known[:part] = 1
        rows = torch.cat([true.abs(), true.angle(), known])
        wave = through(Streaming(constraint=KnownPhases.of, rows=195, **KEYWORDS), rows)
        errors.append(float(metrics.sc(magnitude(wave, 128), true.abs())))
    assert errors[0] > errors[1] > errors[2]
    # the last samples are known from the last frames' edges alone
    assert (wave - speech[: len(wave)])[:-128].abs().max() < 1e-9


def test_the_state_is_saved_copied_and_moved(speech):
    spec = magnitude(speech, 128)
    settings = {"algorithm": "admm", "init": "pghi", **KEYWORDS}
    whole = through(Streaming(**settings), spec)
    stream = Streaming(**settings)
    early = stream.push(spec[:, :20])
    file = io.BytesIO()
    torch.save(stream.state_dict(), file)
    file.seek(0)
    loaded = Streaming(**settings)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (pickle.loads(pickle.dumps(stream)), copy.deepcopy(stream), loaded.to("cpu")):
        rest = [other.push(spec[:, 20:]), other.flush()]
        assert torch.equal(torch.cat([early, *rest]), whole)
    with pytest.raises(SpecInvError, match=r"state has target .* look_ahead"):
        Streaming(**{**settings, "look_ahead": 0}).load_state_dict(stream.state_dict())
    with pytest.raises(SpecInvError, match="not what state_dict"):
        Streaming(**settings).load_state_dict({"pushed": 3})
    stream.load_state_dict({})
    assert torch.equal(through(stream, spec), whole)


def test_a_frame_of_nan_is_held(clips):
    spec = magnitude(clips[:2], 128)
    broken, held = spec.clone(), spec.clone()
    broken[0, 5, 10:12] = math.nan
    broken[1, :, 0] = math.inf
    held[0, :, 10:12] = spec[0, :, 9:10]
    held[1, :, 0] = 0
    stream = Streaming(on_nan="hold", **KEYWORDS)
    assert torch.equal(through(stream, broken), through(Streaming(**KEYWORDS), held))
    assert stream.held == 3
    mel = preset("hifigan").record(speech_like(22050, 0.2))
    mel[:, 0] = math.nan
    wave = through(Streaming(preset="hifigan", on_nan="hold", max_iter=2), mel)
    assert torch.isfinite(wave).all()


def test_memory_stays_as_it_is(speech):
    stream = Streaming(init="pghi", **KEYWORDS)
    spec = magnitude(speech, 128)
    sizes = set()
    for frame in spec.T:
        stream.push(frame)
        state = stream.state_dict().values()
        sizes.add(sum(x.untyped_storage().nbytes() for x in state if isinstance(x, Tensor)))
    assert len(sizes) <= 2  # the first frame, and all others


def test_what_two_shapes_mean_is_told_by_those_before():
    keywords = {"n_fft": 8, "window": hann(8, torch.float32)}
    block = torch.rand(5, 5)
    one = Streaming(**keywords)
    one.push(torch.rand(5))
    assert one.push(block).shape == (2,)
    many = Streaming(**keywords)
    many.push(block[..., None])
    assert many.push(block).shape[0] == 5


def test_a_rule_with_its_hyperparameters(speech):
    spec = magnitude(speech, 128)
    by_name = through(Streaming(algorithm="griffin_lim", alpha=0.5, **KEYWORDS), spec)
    assert torch.equal(by_name, through(Streaming(algorithm=GriffinLim(0.5), **KEYWORDS), spec))
    assert not torch.equal(by_name, through(Streaming(**KEYWORDS), spec))


@pytest.mark.parametrize("backend", ["torch", "native"])
@pytest.mark.parametrize("floor", [1e-20, 1e-38])
def test_frames_that_are_almost_silent_between_loud_ones(backend, floor):
    """A gate, and a floor against log(0): squares of what is loud do not overflow."""
    window = torch.hann_window(256)
    wave = torch.randn(6000, generator=torch.manual_seed(0))
    spec = torch.stft(wave, 256, window=window, return_complex=True).abs()
    spec[:, 30:60] = 0
    settings = {"n_fft": 256, "window": window, "backend": backend, "max_iter": 2}
    stream, gated = Streaming(**settings), Streaming(**settings)
    found = torch.cat([stream.push(spec.clamp_min(floor)), stream.flush()])
    silent = torch.cat([gated.push(spec), gated.flush()])
    assert found.isfinite().all()
    assert (found - silent).abs().max() < 1e-2 * silent.abs().max()
