"""What a stream refuses, and what a user's rule, start or constraint may return."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial

import pytest
import torch

from tests.conftest import hann
from tests.plugin_cases import COMPLEX
from torch_specinv import SpecInvError
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.constraints import Magnitude, Mixture
from torch_specinv.online import Streaming
from torch_specinv.solve import PointwiseAlgorithm

KEYWORDS = {"n_fft": 128, "hop_length": 32, "window": hann(128)}


def push(*shape, **keywords):
    return Streaming(**KEYWORDS, **keywords).push(torch.rand(*shape))


FRAME = torch.rand(65)


def pushed(**keywords):
    stream = Streaming(**KEYWORDS, **keywords)
    stream.push(FRAME)
    return stream


def after_flush():
    stream = pushed()
    stream.flush()
    return stream


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: push(64), r"\(64,\): expected \(\.\.\., 65\) .*Nyquist bin was dropped"),
        (lambda: push(128), "Samples of a waveform"),
        (lambda: push(65, 65), "one frame of each of 65 streams, or 65 frames"),
        (lambda: push(0, 65), "holds no values"),
        (lambda: Streaming(**KEYWORDS).push(FRAME + 0j), "frames is complex"),
        (lambda: Streaming(**KEYWORDS).push(FRAME.to("meta")), "device meta"),
        (lambda: Streaming(**KEYWORDS).push(FRAME.to(torch.uint8)), "dtype torch.uint8"),
        (lambda: Streaming(**KEYWORDS).push(FRAME - 1), "negative"),
        (lambda: Streaming(**KEYWORDS).push(FRAME / 0), "NaN or infinite"),
        (lambda: Streaming(**KEYWORDS).push("frame"), "frames is a str"),
        (lambda: pushed().push(FRAME.double()), "float64 on cpu, those before them torch.float32"),
        (lambda: pushed().push(torch.rand(2, 65)), r"\(2,\), those before it \(\)"),
        (lambda: after_flush().push(FRAME), r"push\(\) after flush"),
        (lambda: after_flush().flush(), r"flush\(\) after flush"),
        (lambda: Streaming(**KEYWORDS).flush(), r"flush\(\) without a frame"),
        (lambda: Streaming(look_ahead=4, **KEYWORDS), "look_ahead=4: at most 3 frames overlap"),
        (lambda: Streaming(look_ahead=-2, **KEYWORDS), "look_ahead=-2"),
        (lambda: Streaming(max_iter=-1, **KEYWORDS), "max_iter=-1"),
        (lambda: Streaming(window=hann(128)), "n_fft=None"),
        (lambda: Streaming(hop=3, **KEYWORDS), "'hop'.*Did you mean 'hop_length'"),
        (lambda: Streaming(init="phgi", **KEYWORDS), "init='phgi'.*'pghi'"),
        (lambda: Streaming(init=3, **KEYWORDS), "init=3: expected one of"),
        (lambda: Streaming(on_nan="skip", **KEYWORDS), "on_nan='skip'"),
        (lambda: Streaming(algorithm="lbfgs", **KEYWORDS), "'lbfgs' is no pointwise rule"),
        (lambda: Streaming(algorithm=AMDR(), **KEYWORDS), "every second frame"),
        (lambda: Streaming(algorithm="raar", rho=1, **KEYWORDS), "unknown keyword 'rho'"),
        (lambda: Streaming(constraint=3, **KEYWORDS), "constraint is a int"),
        (
            lambda: Streaming(constraint=Mixture(torch.ones(128)), **KEYWORDS),
            r"constraint=Mixture\(...\) knows all frames at once",
        ),
        (lambda: push(65, constraint=lambda target: target), "constraint made a Tensor"),
        (lambda: Streaming(preset="hifi", n_fft=3), "'hifi'.*'hifigan'"),
        (lambda: Streaming(preset="hifigan", n_fft=3), "n_fft and preset"),
        (lambda: Streaming(preset="scipy"), "leaves open n_fft or the number of bands"),
        (lambda: Streaming(preset="hifigan").push(FRAME), r"expected \(\.\.\., 80\)"),
        (lambda: Streaming(preset="hifigan").push(torch.full((80,), 300.0)), "overflows"),
        (lambda: Streaming(rows=5, **KEYWORDS), "rows=5, but a frame has 65"),
        (lambda: Streaming(rows=0, constraint=Magnitude, **KEYWORDS), "rows=0"),
        (lambda: Streaming(preset="hifigan", rows=5), "rows=5, but a frame has 80"),
        (lambda: Streaming(preset=3), "preset=3"),
        (lambda: Streaming(algorithm=3, **KEYWORDS), "algorithm=3"),
        (lambda: Streaming(**KEYWORDS).latency_seconds(), "sr=None"),
        (lambda: Streaming(**KEYWORDS).latency_seconds("fast"), "sr='fast'"),
        (lambda: Streaming(**KEYWORDS).latency_seconds(0), "sr=0"),
        (
            lambda: Streaming(n_fft=8, window=torch.ones(8) + 0j, init="pghi", hop_length=2),
            "nothing like",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


@dataclass(frozen=True)
class Mine(PointwiseAlgorithm):
    """Griffin-Lim without momentum; `spoil` changes its estimate."""

    spoil: object = None

    def rule(self, spectrum, memory, constraint, step):
        estimate = constraint.project(spectrum)
        return (estimate if self.spoil is None else self.spoil(estimate)), memory

    def answer(self, memory, constraint):
        return None


def frames(rows=65, count=6):
    return torch.rand(2, rows, count, generator=torch.manual_seed(0))


@pytest.mark.parametrize("keywords", [KEYWORDS, {"preset": "hifigan"}])
def test_a_rule_of_ones_own_is_pushed_saved_and_pickled(keywords):
    spec = frames() if "preset" not in keywords else frames(80) - 5
    streams = [
        Streaming(algorithm=rule, backend="torch", **keywords) for rule in (Mine(), GriffinLim(0.0))
    ]
    first, known = (stream.push(spec[..., :4]) for stream in streams)
    other = pickle.loads(pickle.dumps(streams[0]))
    last, expected = (stream.push(spec[..., 4:]) for stream in (other, streams[1]))
    assert torch.equal(first, known)
    assert torch.equal(last, expected)


@pytest.mark.parametrize("fault", COMPLEX)
def test_what_a_rule_of_ones_own_returns(fault):
    wrong, _ = COMPLEX[fault]
    stream = Streaming(algorithm=Mine(wrong), **KEYWORDS)
    with pytest.raises(SpecInvError, match=r"Mine.rule returned"):
        stream.push(frames())


class Guessing:
    """A start that returns whatever it is given."""

    past = 0

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, arrival, geometry):
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [None, 0.0, torch.zeros(2, 65), torch.zeros(2, 64) + 0j, torch.zeros(2, 9, 65) + 0j,
     torch.zeros(2, 0, 65) + 0j, torch.zeros(65) + 0j],
)  # fmt: skip
def test_what_a_start_of_ones_own_returns(answer):
    stream = Streaming(init=Guessing(answer), **KEYWORDS)
    with pytest.raises(SpecInvError, match="guess Guessing returned"):
        stream.push(frames())


def test_a_start_of_one_frame_or_of_several():
    ones = torch.ones(2, 65, dtype=torch.complex128)
    keywords = {**KEYWORDS, "look_ahead": 1}
    one = Streaming(init=Guessing(ones), **keywords)
    same = Streaming(init=Guessing(ones[:, None]), **keywords)
    assert torch.equal(one.push(frames()), same.push(frames()))
    both = Streaming(init=Guessing(ones[:, None].expand(2, 2, 65)), **keywords)
    assert both.push(frames()).isfinite().all()


@dataclass(frozen=True, eq=False)
class Spoilt(Magnitude):
    spoil: object = None

    def project(self, spectrum):
        return self.spoil(super().project(spectrum))


@pytest.mark.parametrize("fault", COMPLEX)
def test_what_a_constraint_of_ones_own_returns(fault):
    wrong, _ = COMPLEX[fault]
    stream = Streaming(constraint=partial(Spoilt, spoil=wrong), **KEYWORDS)
    with pytest.raises(SpecInvError, match=r"Spoilt.project returned"):
        stream.push(frames())
