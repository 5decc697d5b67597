"""Parts of benchmarks/constraints.py: gaps, several resolutions, bounds."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from constraint_setting import HOP, N_FFT, NARROW, QUIET, SR, WIDE, Scores, pesq, rows
from torch import Tensor

from torch_specinv import STFT, invert
from torch_specinv.comparing import Degradation
from torch_specinv.comparing.degrade import Recording
from torch_specinv.constraints import Between, Confidence, KnownBins


def predicted(before: Tensor, after: Tensor, count: int, order: int = 32) -> Tensor:
    """Return `count` samples between two parts, by linear prediction from both sides, faded.

    More than 32 coefficients, or longer parts, did worse on speech.
    """

    def extrapolate(past: np.ndarray) -> np.ndarray:
        rows = np.lib.stride_tricks.sliding_window_view(past, order + 1)
        earlier, next_ = rows[:, :-1][:, ::-1], rows[:, -1]
        products = earlier.T @ earlier
        ridge = 1e-6 * np.trace(products) / order * np.eye(order)
        taps = np.linalg.solve(products + ridge, earlier.T @ next_)
        signal, most = list(past[-order:]), 2 * np.abs(past).max()
        for _ in range(count):
            value = float(taps @ np.array(signal[: -order - 1 : -1]))
            signal.append(min(max(value, -most), most))
        return np.array(signal[order:])

    fade = np.cos(np.linspace(0, np.pi / 2, count)) ** 2
    forward = extrapolate(before.double().numpy())
    backward = extrapolate(after.double().numpy()[::-1].copy())[::-1]
    return torch.from_numpy(fade * forward + (1 - fade) * backward).float()


def inpainting(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the SNR in gaps: samples that are lost, all around them being known."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for ms in (10, 20, 40, 80):
        for clip in (*speech, *music[:1]):
            gap = SR * ms // 1000
            for part in range(1, 4):
                begin = len(clip) * part // 4
                wave = clip[max(0, begin - 8192) : begin + gap + 8192]
                first = min(begin, 8192)
                lost = slice(first, first + gap)
                holed = wave.clone()
                holed[lost] = 0
                stft = STFT.of_wave(wave, **NARROW)
                spectrum, truth = stft.analyse(holed), stft(wave)
                hole = torch.ones(len(wave))
                hole[lost] = 0
                whole = stft(1 - hole).amax(0) == 0  # frames that see nothing of the gap
                known = whole.expand(truth.shape)
                run = {**NARROW, **QUIET, "length": len(wave), "max_iter": 100}
                unknown = KnownBins(spectrum, known, known.float())
                magnitude = torch.where(known, truth, 0)
                found = {
                    "zeros": holed,
                    "linear prediction": _fill(holed, lost),
                    "consistency alone": invert(
                        magnitude, "griffin_lim", constraint=unknown, **run
                    ).wave,
                    "magnitudes, griffin_lim": invert(
                        truth, "griffin_lim", constraint=KnownBins(spectrum, known), **run
                    ).wave,
                    "magnitudes, raar": invert(
                        truth, "raar", constraint=KnownBins(spectrum, known), **run
                    ).wave,
                }
                for name, answer in found.items():
                    error = (answer - wave)[lost].square().sum() / wave[lost].square().sum()
                    scores[name][f"{ms} ms"].append(float(-10 * torch.log10(error)))
    return rows("SNR in the gap, dB ↑", scores, 1)


def _fill(holed: Tensor, lost: slice) -> Tensor:
    filled = holed.clone()
    before, after = holed[: lost.start][-512:], holed[lost.stop :][:512]
    filled[lost] = predicted(before, after, lost.stop - lost.start)
    return filled


def resolutions(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the fit to two resolutions, exact and blurred."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for seed, wave in enumerate((*speech, *music[:1])):
        stfts = [STFT.of_wave(wave, **each) for each in (WIDE, NARROW)]
        exact = [stft(wave) for stft in stfts]
        blurred = [
            Degradation("smooth", seed=seed)(Recording(wave, SR, stft)).magnitude for stft in stfts
        ]
        run = {**QUIET, "length": len(wave), "max_iter": 100}
        for kind, given in (("exact", exact), ("smooth", blurred)):
            found = {
                f"auto, {N_FFT}/{HOP} alone": invert(given[0], **WIDE, **run).wave,
                "auto, 256/64 alone": invert(given[1], **NARROW, **run).wave,
            }
            for name in ("auto", "raar", "griffin_lim"):
                both = invert(given, name, transforms=[WIDE, NARROW], **run)
                found[f"{name}, both"] = both.wave
            for name, answer in found.items():
                for label, stft, truth in zip((N_FFT, 256), stfts, exact, strict=True):
                    distance = (stft(answer) - truth).norm() / truth.norm()
                    column = f"{kind}: SC at {label}"
                    scores[name][column].append(float(20 * torch.log10(distance)))
                if seed < len(speech):
                    scores[name][f"{kind}: PESQ"].append(pesq(wave, answer))
    return rows("SC to the true magnitude in dB ↓, PESQ ↑", scores, 2)


def bounds(speech: list[Tensor], music: list[Tensor]) -> str:
    """Return a table of the SC to the true magnitude, which was quantised in decibels."""
    scores: dict[str, Scores] = defaultdict(lambda: defaultdict(list))
    for wave in (*speech, *music[:1]):
        stft = STFT.of_wave(wave, **WIDE)
        truth = stft(wave)
        run = {**WIDE, **QUIET, "length": len(wave), "max_iter": 100}
        for step in (0.3, 1.0, 3.0):
            level = 20 * torch.log10(truth / truth.max()).clamp_min(-80)
            low = truth.max() * 10 ** (torch.floor(level / step) * step / 20)
            high = low * 10 ** (step / 20)
            low = torch.where(level <= -80, 0, low)
            middle = torch.where(level <= -80, 0, (low * high).sqrt())
            weight = torch.where(level <= -80, 0.0, 1.0)
            found = {
                "amdr, the middle": invert(middle, "amdr", **run).wave,
                "amdr, Confidence 0 in silence": invert(
                    middle, "amdr", constraint=Confidence(weight), **run
                ).wave,
                "amdr, Between": invert(middle, "amdr", constraint=Between(low, high), **run).wave,
            }
            for name, answer in found.items():
                distance = (stft(answer) - truth).norm() / truth.norm()
                scores[name][f"steps of {step} dB"].append(float(20 * torch.log10(distance)))
    return rows("SC to the true magnitude in dB ↓", scores, 1)
