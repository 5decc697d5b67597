"""Frames that arrive one by one, taken in by compiled code: the same as in torch, and in parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.cases import with_threads
from tests.conftest import hann, magnitude
from tests.native_cases import needs_library
from torch_specinv import SpecInvError, invert
from torch_specinv.comparing.signals import speech_like
from torch_specinv.online import OnlineInverter, Streaming
from torch_specinv.online.guesses import read_guess
from torch_specinv.online.settings import read_rule
from torch_specinv.transform.read_geometry import read_geometry

pytestmark = needs_library

RULES = ["griffin_lim", "raar", "difference_map", "admm"]
TRANSFORMS = {
    "quarter hops": {"n_fft": 128, "hop_length": 32},
    "hops that do not divide": {"n_fft": 90, "hop_length": 25, "normalized": True},
    "a short window": {"n_fft": 120, "hop_length": 20, "win_length": 80},
}
FLOAT = {"n_fft": 128, "hop_length": 32, "window": hann(128, torch.float32)}


def through(stream, spec):
    return torch.cat([*(stream.push(frame) for frame in spec.unbind(-1)), stream.flush()], -1)


def inverter(dtype, transform, rule, init, look_ahead, **settings):
    n = transform["n_fft"]
    keywords = {**transform, "window": hann(transform.get("win_length", n), dtype)}
    g = read_geometry(n // 2 + 1, 1, dtype, torch.device("cpu"), None, keywords, check_pad=False)
    return OnlineInverter(
        g,
        look_ahead=look_ahead,
        algorithm=read_rule(rule, {}),
        guess=read_guess(init, look_ahead, g),
        **settings,
    )


def narrowed(state):
    """A state in single precision."""
    kinds = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    return replace(state, **{k: x.to(kinds.get(x.dtype, x.dtype)) for k, x in vars(state).items()})


@pytest.mark.sanitized
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("init", ["least_squares", "asymmetric", "pghi", "spsi"])
def test_a_push_is_that_in_double_precision(transform, rule, init):
    """From the same state, frame by frame: errors are those of torch in single precision."""
    asymmetric = init == "asymmetric"
    init = "least_squares" if asymmetric else init
    wave = torch.stack([speech_like(8000, 0.05).double() * level for level in (1, 1e-3, 0)])
    window = hann(transform.get("win_length", transform["n_fft"]))
    spec = torch.stft(wave, window=window, return_complex=True, **transform).abs()
    for look_ahead, max_iter in ((2, 2), (0, 3), (1, 0)):
        exact, single, native = (
            inverter(
                dtype, transform, rule, init, look_ahead,
                max_iter=max_iter, asymmetric_window=asymmetric, backend=backend,
            )
            for dtype, backend in (
                (torch.float64, "torch"), (torch.float32, "torch"), (torch.float32, "native"),
            )
        )  # fmt: skip
        state = exact.begin(3)
        errors = []
        for number in range(spec.shape[-1] + look_ahead):
            # the second item ends before the others
            present = torch.tensor([number < spec.shape[-1] - gone for gone in (0, 2, 0)])
            frame = spec[..., min(number, spec.shape[-1] - 1)]
            given = narrowed(state), frame.float(), present
            state, samples = exact.push(state, frame, present)
            results = [each.push(*given) for each in (single, native)]
            level = spec.amax((1, 2)).clamp_min(1e-9)
            for name, value in {"samples": samples, **vars(state)}.items():
                found = [
                    made if name == "samples" else getattr(after, name) for after, made in results
                ]
                assert found[1].shape == value.shape
                assert found[1].dtype == found[0].dtype
                if name in ("present", "target", "magnitude", "envelope"):
                    assert (found[1].double() - value.double()).abs().max() < 1e-5
                    continue
                gaps = [(x - value).abs().flatten(1).mean(1) / level for x in found]
                errors.append(torch.stack(gaps))
        assert (samples[2] == 0).all()
        single_error, native_error = torch.stack(errors).square().mean(0).sqrt()
        assert (native_error <= 3 * single_error + 2e-7).all(), (native_error, single_error)
        assert native_error.max() < 1e-3


@pytest.mark.sanitized
@pytest.mark.parametrize("rule", ["griffin_lim", "admm"])
def test_streams_in_parts_and_threads_are_those_alone(rule):
    """To the last digit, whatever else is in the registers."""
    generator = torch.Generator().manual_seed(0)
    spec = torch.rand(19, 65, 12, generator=generator)
    settings = {"algorithm": rule, "look_ahead": 2, "max_iter": 3, "backend": "native", **FLOAT}
    together = through(Streaming(**settings), spec)
    assert torch.equal(with_threads(3, lambda: through(Streaming(**settings), spec)), together)
    for i in (0, 7, 8, 18):
        assert torch.equal(through(Streaming(**settings), spec[i]), together[i])
    assert torch.equal(through(Streaming(**settings), spec * 2.0**80), together * 2.0**80)


def test_states_go_from_one_backend_to_the_other(speech):
    spec = magnitude(speech, 128).float()
    torch_one, native_one = (Streaming(backend=backend, **FLOAT) for backend in ("torch", "native"))
    torch_one.push(spec[:, :9])
    native_one.push(spec[:, :9])
    of_torch, of_native = torch_one.state_dict(), native_one.state_dict()
    assert of_torch.keys() == of_native.keys()
    for name, value in of_torch.items():
        if isinstance(value, torch.Tensor):
            assert (value.shape, value.dtype) == (of_native[name].shape, of_native[name].dtype)
    native_one.load_state_dict(of_torch)
    gap = native_one.push(spec[:, 9]) - torch_one.push(spec[:, 9])
    assert gap.abs().max() < 1e-4


def test_the_offline_call_takes_the_same_code(speech):
    spec = magnitude(speech, 128).float()
    settings = {"look_ahead": 1, "max_iter": 3}
    pushed = through(Streaming(**settings, **FLOAT), spec)
    for backend, same in (("auto", True), ("torch", False)):
        whole = invert(
            spec, "rtisi_la", backend=backend, verbose=False, **settings, **FLOAT
        ).wave  # fmt: skip
        assert (bool((whole - pushed).abs().max() < 1e-9)) is same


def test_what_it_does_not_take_is_told_or_left_to_torch(speech, monkeypatch):
    spec = magnitude(speech, 128).float()
    for settings, frames, message in (
        ({"algorithm": "agla"}, spec, "does not know the rule of AGLA"),
        ({"alpha": torch.tensor(0.9)}, spec, "has tensors"),
        ({}, spec.double(), "float32 on a CPU, not torch.float64"),
        ({"n_fft": 122, "window": None}, spec[:62], "prime factors above 13, not 122"),
        ({"constraint": lambda x: torch_constraint(x)}, spec, "no constraint of yours"),
    ):
        settings = {**FLOAT, **settings}
        with pytest.raises(SpecInvError, match=f"backend='native' can't run this.*{message}"):
            Streaming(backend="native", **settings).push(frames)
        monkeypatch.setenv("TORCH_SPECINV_BACKEND", "native")
        Streaming(**settings).push(frames)
        monkeypatch.delenv("TORCH_SPECINV_BACKEND")
    with pytest.raises(SpecInvError, match="backend='chunkd'"):
        Streaming(backend="chunkd", **FLOAT)


def torch_constraint(target):
    from torch_specinv.constraints import Magnitude

    return Magnitude(target)


def test_the_variable_says_what_auto_means(speech, monkeypatch):
    spec = magnitude(speech, 128).float()[:, :12]
    expected = {
        name: through(Streaming(backend=name, **FLOAT), spec) for name in ("torch", "native")
    }
    assert not torch.equal(*expected.values())
    assert torch.equal(through(Streaming(**FLOAT), spec), expected["native"])
    monkeypatch.setenv("TORCH_SPECINV_BACKEND", "chunked")
    assert torch.equal(through(Streaming(**FLOAT), spec), expected["torch"])


def test_gradients_go_through_torch(speech):
    spec = magnitude(speech, 128).float()[:, :8].requires_grad_()
    stream = Streaming(max_iter=1, **FLOAT)
    torch.cat([stream.push(spec), stream.flush()]).square().sum().backward()
    assert spec.grad.abs().sum() > 0


@pytest.mark.sanitized
def test_tensors_that_do_not_fit_are_refused():
    frame, here = torch.rand(2, 65), torch.tensor([True, True])
    step = inverter(
        torch.float32, TRANSFORMS["quarter hops"], "raar", "least_squares", 2, max_iter=2
    )
    state = step.begin(2)
    for wrong in (
        {"estimate": state.estimate[:, 1:]},
        {"present": state.present[:1]},
        {"committed": state.committed[:, 1:]},
        {"envelope": state.envelope[:, 1:]},
        {"target": state.target[:, :1], "estimate": state.estimate[:, :1]},
    ):
        with pytest.raises(AssertionError, match="do not fit"):
            step.push(replace(state, **wrong), frame, here)
    with pytest.raises(AssertionError, match="do not fit"):
        step.push(state, frame[:1], here)
    with pytest.raises(AssertionError, match="no floats"):
        step.push(replace(state, committed=state.committed.double()), frame, here)
