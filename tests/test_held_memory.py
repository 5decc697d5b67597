"""What a call holds: one copy of the magnitude at a time, and results that hold none."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann
from tests.native_cases import needs_library
from torch_specinv import SpecInvError, invert
from torch_specinv.constraints.magnitude import Magnitude
from torch_specinv.engines import NativeEngine
from torch_specinv.solve import known
from torch_specinv.solve.known import Unscaled, checksums
from torch_specinv.solve.solver import each_tensor
from torch_specinv.transform.stft import STFT

RUN = {"window": hann(256, torch.float32), "max_iter": 12, "verbose": False}


@pytest.fixture(scope="module")
def spec():
    """600 frames, more than are looked at at a time; the bins of a frame lie side by side."""
    wave = torch.randn(1, 600 * 64, generator=torch.manual_seed(3)) * 37
    return STFT.of_wave(wave, n_fft=256, window=RUN["window"])(wave)


@needs_library
@pytest.mark.parametrize("init", ["pghi", "zero", "random"])
def test_the_magnitude_is_copied_once(spec, init, monkeypatch):
    """Into lanes; a callback, which might write to the spectrogram, has it copied before."""
    how = {**RUN, "init": init, "tol": 0}
    safe = invert(
        spec, "griffin_lim", callback=lambda report: False, generator=torch.manual_seed(1), **how
    )

    def refused(*_):
        raise AssertionError("copied")

    monkeypatch.setattr(Magnitude, "scaled", refused)
    result = invert(spec, "griffin_lim", generator=torch.manual_seed(1), **how)
    assert torch.equal(result.wave, safe.wave)
    assert torch.equal(result.history["sc"], safe.history["sc"])


@pytest.mark.parametrize("algorithm", ["griffin_lim", "auto", "lbfgs"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_magnitude_may_lie_in_memory_in_any_order(spec, algorithm, transposed):
    given = spec.contiguous() if transposed else spec
    result = invert(given, algorithm, **RUN)
    safe = invert(given, algorithm, callback=lambda report: False, **RUN)
    assert torch.equal(result.wave, safe.wave)


def test_a_result_holds_waves_but_no_spectrogram(spec):
    result = invert(spec, "griffin_lim", **RUN)
    sizes = []
    each_tensor(vars(result.state), lambda tensor: sizes.append(tensor.numel()))
    assert sizes
    assert max(sizes) < spec.numel()


def test_what_changed_in_place_is_another_problem(spec):
    spec = spec.clone()
    earlier = invert(spec, "griffin_lim", **RUN)
    assert invert(spec, "griffin_lim", resume=earlier, **RUN).evaluated[-1] == 24
    spec[0, 7, 590] *= 1.0001
    with pytest.raises(SpecInvError, match="spec differ"):
        invert(spec, "griffin_lim", resume=earlier, **RUN)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_checksums_tell_values_and_places(spec, dtype):
    spec = spec.to(dtype)
    same = checksums(spec.contiguous() / 4)
    assert same.shape == (1, spec.shape[1] + spec.shape[2])
    assert torch.equal(same, checksums(spec, spec.new_full((1, 1, 1), 4)))
    for other in (spec.roll(1, 1), spec.roll(1, 2), spec * (1 + torch.finfo(dtype).eps)):
        assert not torch.equal(same, checksums(other / 4))


def test_energy_is_that_of_the_copy(spec):
    """Of a quiet magnitude too, whose squares would be 0."""
    for quiet in (spec, spec.contiguous(), spec * 1e-30):
        whole = Unscaled(Magnitude(quiet), torch.full((1, 1, 1), 2.0**-90))
        assert torch.equal(whole.energy, whole.scaled.energy)
        assert known.Unscaled.select(whole, slice(0, 1)).energy == whole.energy


@needs_library
def test_a_look_leaves_no_copy_behind(spec, monkeypatch):
    """Auto compares the magnitude with that of a wave, and then iterates in lanes alone."""
    looked, held = [], []

    def copied(magnitude):
        looked.append(magnitude)
        return vars(magnitude).setdefault("scaled", magnitude.given.scaled(magnitude.scale))

    monkeypatch.setattr(Unscaled, "scaled", property(copied))
    advance = NativeEngine.advance

    def watched(engine, state, until):
        held.append("scaled" in vars(engine.problem.known))
        return advance(engine, state, until)

    monkeypatch.setattr(NativeEngine, "advance", watched)
    assert invert(spec, "auto", **RUN).kinds == ("exact",)
    assert looked
    assert not held[-1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_of_what_is_not_copied(dtype):
    """A guess of the phase sees the magnitude as it is given: at every level the same."""
    wave = torch.randn(2000, generator=torch.manual_seed(0), dtype=torch.float64)
    window = torch.hann_window(128, dtype=dtype)
    spec = torch.stft(wave.to(dtype), 128, window=window, return_complex=True).abs()
    assert spec.mT.is_contiguous()  # frames lie one after the other, and are read where they are
    run = {"max_iter": 2, "init": "pghi", "window": window, "length": 2000, "verbose": False}
    usual = invert(spec, "griffin_lim", **run)
    for exponent in (-110, 110) if dtype == torch.float32 else (-900, -200, 200, 900):
        level = torch.tensor(2.0, dtype=dtype) ** exponent
        found = invert(spec * level, "griffin_lim", **run)
        assert torch.equal(found.wave / level, usual.wave)
