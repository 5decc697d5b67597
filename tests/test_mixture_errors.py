"""What is refused of mixtures, before any work is done, and in which words."""

from __future__ import annotations

import pytest
import torch

from tests.mixture_cases import RUN, magnitudes, sources
from torch_specinv import SpecInvError, invert, separate
from torch_specinv.algorithms.mixing import MIXING

WAVES = sources(2)
TARGET, X = magnitudes(WAVES), WAVES.sum(0)
NAN = X.clone()
NAN[7] = torch.nan


def spectrum(frames=51):
    return torch.zeros(65, frames, dtype=torch.complex128)


@pytest.mark.parametrize(
    ("spec", "mixture", "more", "message"),
    [
        (TARGET, X[:-200], {}, r"mixture does not fit its sources: length=1400: 51 frames"),
        (TARGET, torch.cat([X, X]), {}, "Another sample rate or hop_length"),
        (TARGET, NAN, {}, r"mixture holds 1 values that are NaN or infinite, .* \(7,\)"),
        (TARGET, X[:0], {}, r"mixture has shape \(0,\)"),
        (TARGET, 3, {}, "mixture"),
        (TARGET[:1], X, {}, r"which is one source: .* residual"),
        (TARGET[0], X, {}, r"with a mixture it is \(\.\.\., sources, bins, frames\)"),
        (TARGET, X[None], {}, r"expected \(\.\.\., samples\) for .* Channels come before sources"),
        (TARGET[None].expand(3, -1, -1, -1), X, {}, "Channels come before sources"),
        (TARGET, spectrum(50), {}, r"mixture has \(65, 50\) bins and frames, .*same STFT"),
        (-TARGET, X, {}, "spec holds negative values"),
        (TARGET, X, {"length": 1500}, "length=1500, but the mixture has 1600"),
        (TARGET, X, {"weight": 1.5}, "weight=1.5: expected a number above 0 and at most 1"),
        (TARGET, X, {"weight": 0.0}, "0 leaves nothing that is known"),
        (TARGET, X, {"weight": "much"}, "weight='much'"),
        (TARGET, X, {"weight": torch.full((65, 51), -0.1)}, r"weight holds -0.1 at index \(0, 0\)"),
        (TARGET, X, {"weight": torch.zeros(65, 51)}, "weight is 0 everywhere"),
        (TARGET, X, {"weight": torch.ones(65, 50)}, r"weight has shape \(65, 50\): expected"),
        (TARGET, X, {"weight": torch.ones(2, 65, 51)}, "weight has 2 items, the mixture 1"),
        (TARGET, X, {"weight": torch.ones(65, 51).bool()}, "A mask. Use weight.float"),
        (TARGET, X, {"distribution": "wienr"}, "Did you mean 'wiener'"),
        (TARGET, X, {"algorithm": "mis"}, "Did you mean 'misi'"),
        (TARGET, X, {"algorithm": "lbfgs", "weight": 0.5}, "add up exactly and in equal shares"),
        (TARGET, X, {"algorithm": "rtisi_la"}, "rtisi_la takes constraints with a target alone"),
        (TARGET, X, {"algorithm": "mix_incons", "consistency": -1.0}, "consistency=-1.0"),
        (TARGET, X, {"consistency": 1.0}, "consistency"),
        (TARGET[None], X[None, :1000], {"lengths": [1600]}, "1000 samples, but lengths reach 1600"),
        (TARGET, X.half(), {"hop_length": 16}, "mixture does not fit its sources"),
    ],
)  # fmt: skip
def test_refused(spec, mixture, more, message):
    with pytest.raises(SpecInvError, match=message):
        separate(spec, mixture, **{**RUN, **more})


@pytest.mark.parametrize("name", sorted(MIXING.keys() - {"misi"}))
def test_they_need_a_mixture(name):
    with pytest.raises(SpecInvError, match="is for sources of a mixture: use separate"):
        invert(TARGET, MIXING[name](), **RUN)
