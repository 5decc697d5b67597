"""The kernels of triton in its interpreter, on the CPU, beside the engine "torch"; in JSON.

In a process of its own, as triton decides when it is imported whether it interprets.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["TRITON_INTERPRET"] = "1"

import torch

from torch_specinv.algorithms import ADMM, AMDR, RAAR, DifferenceMap, GriffinLim
from torch_specinv.engines import TorchEngine, TritonEngine
from torch_specinv.phase.initial import of_real_frames
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.relaxed import RelaxedProjections, reflections
from torch_specinv.transform.ragged import ragged_stft
from torch_specinv.transform.stft import STFT


class Everything(RelaxedProjections):
    """A rule in which none of the ten numbers is 0, and all change."""

    def interlaced_groups(self):
        return 2

    def coefficients(self, step):
        numbers = reflections(0.7, 0.2, 0.3 + 0.1 * step.number, 0.2)
        return numbers._replace(s=0.1 / (1 + step.number), z=0.2, g=0.05)


ALGORITHMS = {
    "griffin_lim": GriffinLim(0.99),
    "without momentum": GriffinLim(0.0),
    "admm": ADMM(0.3),
    "raar": RAAR(0.9),
    "amdr": AMDR(),
    "amdr, at once": AMDR(alternating=False),
    "difference_map": DifferenceMap(),
    "all numbers": Everything(),
}
GEOMETRIES = {
    "usual": {"n_fft": 64, "hop_length": 16},
    "hop does not divide": {"n_fft": 64, "hop_length": 24},
    "factors of 3, 5 and 7": {"n_fft": 42, "hop_length": 10},
    "odd half": {"n_fft": 50, "hop_length": 12},
    "short window": {"n_fft": 64, "hop_length": 10, "win_length": 40},
    "window at the start": {
        "n_fft": 64, "hop_length": 10, "win_length": 40, "window_align": "start",
    },
    "not centred": {"n_fft": 64, "hop_length": 16, "center": False},
    "constant, normalized": {
        "n_fft": 64, "hop_length": 16, "pad_mode": "constant", "normalized": True,
    },
    "half overlapping": {"n_fft": 64, "hop_length": 32},
    "ragged": {"n_fft": 64, "hop_length": 16, "lengths": [330, 281, 400]},
    "in pieces": {"n_fft": 64, "hop_length": 16, "lengths": [330, 281, 400]},
    "resumed": {"n_fft": 64, "hop_length": 16},
}  # fmt: skip


def difference(algorithm: str, geometry: str) -> float:
    """Return by how much three iterations differ, relative to the largest sample."""
    torch.manual_seed(0)
    settings = dict(GEOMETRIES[geometry])
    size = settings.get("win_length", settings["n_fft"])
    settings["window"] = 0.1 + torch.hann_window(size)
    lengths = settings.pop("lengths", None)
    wave = torch.randn(3 if lengths else 2, 400)
    spec = STFT.of_wave(wave, **settings)(wave)
    if lengths is None:
        stft = STFT.of(spec, length=400, **settings)
    else:
        stft, spec = ragged_stft(spec, lengths, **settings)
    problem = SpectrogramProblem.from_magnitude(spec, stft)
    start = torch.polar(problem.target, 6 * torch.rand(problem.target.shape))
    start = of_real_frames(start, stft.geometry)
    rule, steps = ALGORITHMS[algorithm], 4
    assert TritonEngine.missing() is None
    why = TritonEngine.obstacle(problem, rule, steps)
    assert why is None, why

    def play(step, device):
        step()
        return step

    waves = []
    engines = TorchEngine(problem, rule, steps), TritonEngine(problem, rule, steps, play)
    if geometry == "in pieces":
        object.__setattr__(engines[1].plain.plan, "piece", 2)
        object.__setattr__(engines[1].steady[0], "piece", 1)
    if geometry == "resumed":  # the budget is spent after an iteration
        engines = TorchEngine(problem, rule, 1), TritonEngine(problem, rule, 1, play)
    for engine in engines:
        state = engine.advance(engine.start(start), 2)
        waves.append(engine.wave(engine.advance(state, 3)))
        if isinstance(engine, TritonEngine):
            assert not engine.failed
    off = [_off(*waves)]
    if rule == ALGORITHMS["without momentum"]:  # whose steps are gradients
        looks = engines[0].look(waves[0]), engines[1].plain.look(waves[0])
        off += map(_off, *looks)
    return max(off)


def _off(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Return by how much tensors differ, relative to the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:]:
        print(json.dumps([case, difference(*case.split(" | "))]), flush=True)
