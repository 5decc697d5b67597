"""What L-BFGS makes of its input: the length that a transform takes, and mistakes."""

from __future__ import annotations

import math

import pytest
import torch

from tests.conftest import hann
from torch_specinv import L_BFGS, STFT, SpecInvError, invert, invert_transform


@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
@pytest.mark.parametrize("center", [True, False])
def test_samples_are_inferred_from_frames(lead, center):
    def transform(wave):
        flat = wave.reshape(-1, wave.shape[-1])
        spec = torch.stft(flat, 64, 20, window=hann(64, wave.dtype), center=center,
                          return_complex=True)  # fmt: skip
        return spec.abs().reshape(*wave.shape[:-1], 33, -1)

    target = transform(torch.randn(*lead, 515))
    result = invert_transform(target, transform, outer_max_iter=2, verbose=False)
    frames = target.shape[-1]
    assert result.wave.shape == (*lead, 20 * (frames - 1) + (0 if center else 64))


def untouched(wave):
    return torch.stft(wave, 64, window=hann(64, wave.dtype), return_complex=True).abs()


@pytest.mark.parametrize(
    ("transform", "keywords", "message"),
    [
        (lambda x: untouched(x)[:-1], {}, r"shape \(32, 26\).*\(33, 26\)"),
        (lambda x: untouched(x.detach()), {}, "not differentiable: no gradient"),
        (lambda x: torch.from_numpy(untouched(x.detach()).numpy()), {}, "not differentiable"),
        (lambda x: untouched(x).log() - math.inf, {}, "NaN or infinite values at the start"),
        (lambda x: 3, {}, "returns a int"),
        (untouched, {"samples": 20}, r"transform_fn fails on a waveform of shape \(20,\)"),
        (untouched, {"samples": 0}, "samples=0"),
        (untouched, {"samples": ()}, r"samples=\(\)"),
        (untouched, {"samples": 300}, r"shape \(33, 19\) .* \(300,\), but spec has shape"),
        (untouched, {"init_x0": torch.zeros(99)}, r"\(33, 7\)"),
        (untouched, {"init_x0": torch.zeros(400), "samples": 300}, "leave out samples"),
        (untouched, {"init_x0": torch.full((400,), math.nan)}, "init_x0 holds 400 values"),
        (untouched, {"samples": 400, "outer_max_iter": 0}, "max_iter=0"),
        (untouched, {"samples": 400, "line_serch_fn": "x"}, "'line_search_fn'"),
        (lambda x: x.sum() * torch.ones(33, 26), {"samples": None}, "cannot be inferred"),
        (untouched, {"samples": 400, "metric": "scc"}, "metric='scc'"),
        (
            untouched, {"samples": 400, "loss_fn": lambda a, b: (a - b).sum(0)},
            r"loss_fn returned shape \(26,\): expected \(\), a scalar for one item",
        ),
    ],
)  # fmt: skip
def test_bad_input(transform, keywords, message):
    target = untouched(torch.randn(400, dtype=torch.float64))
    keywords = {"samples": 400, **keywords} if "init_x0" not in keywords else keywords
    with pytest.raises(SpecInvError, match=message):
        L_BFGS(target, transform, verbose=False, **keywords)


def test_mistakes_that_have_a_cure():
    target = untouched(torch.randn(2, 400, dtype=torch.float64))
    with pytest.raises(SpecInvError, match=r"for a batch pass samples=\(2, 400\)"):
        L_BFGS(target, untouched, 400, verbose=False)
    with pytest.raises(SpecInvError, match=r"returns torch.complex128, but spec is real: \.abs"):
        L_BFGS(
            target[0],
            lambda x: torch.stft(x, 64, window=hann(64), return_complex=True),
            400,
            verbose=False,
        )
    with pytest.raises(SpecInvError, match=r"'n_iter'\. Did you mean 'outer_max_iter'"):
        L_BFGS(target[0], untouched, 400, n_iter=3, verbose=False)


def test_bad_batches():
    target = untouched(torch.randn(2, 400, dtype=torch.float64))
    with pytest.raises(SpecInvError, match="gives no gradient of its result"):
        L_BFGS(target[0].requires_grad_(), untouched, 400, lr=0.1, verbose=False)
    with pytest.raises(SpecInvError, match="one length for each of the 2 items"):
        L_BFGS(target.detach(), untouched, lengths=[400, 400, 400], verbose=False)
    with pytest.raises(SpecInvError, match="lengths holds 0"):
        L_BFGS(target.detach(), untouched, lengths=[400, 0], verbose=False)
    with pytest.raises(SpecInvError, match="frames, but spec"):
        L_BFGS(target.detach(), untouched, lengths=[400, 900], verbose=False)
    with pytest.raises(SpecInvError, match="history_size=0"):
        invert(target.detach(), "lbfgs", history_size=0, window=hann(64), verbose=False)


def test_a_loss_that_is_not_finite_at_the_start():
    loud = lambda wave: untouched(wave) * 2.0**66  # noqa: E731
    with pytest.raises(SpecInvError, match=r"the squared difference .* is not finite at the start"):
        L_BFGS(loud(torch.randn(400)), loud, samples=400, verbose=False)


def test_messages_call_arguments_as_the_caller_does():
    spec = untouched(torch.randn(400))
    stft = STFT.of(spec, window=hann(64, spec.dtype), length=400)
    for wrong, name in (
        ({"outer_max_iter": 0}, "outer_max_iter=0"),
        ({"loss_fn": 3}, "loss_fn=3"),
        ({"init_x0": torch.full((400,), math.nan)}, "init_x0 holds 400 values"),
        ({"init_x0": torch.randn(400) + 0j}, "init_x0 has shape"),
    ):
        for transform in (untouched, stft):
            with pytest.raises(SpecInvError, match=name):
                L_BFGS(spec, transform, **{"verbose": False, **wrong})
