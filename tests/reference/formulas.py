"""Transforms and algorithms written from their definitions, with loops, in float64."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

PAD = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def analysis_matrix(length, n_fft, hop_length, window, center, pad_mode, normalized, onesided):
    """The STFT as a matrix (frames * bins, length): column n is the STFT of a unit pulse at n."""
    padding = n_fft // 2 if center else 0
    source = np.arange(length)
    if padding:
        # padding copies samples: pad the identity's rows to see which ones
        eye = np.pad(np.eye(length), ((padding, padding), (0, 0)), mode=PAD[pad_mode])
    else:
        eye = np.eye(length)[source]
    frames = 1 + (len(eye) - n_fft) // hop_length
    bins = n_fft // 2 + 1 if onesided else n_fft
    k, n = np.arange(bins)[:, None], np.arange(n_fft)
    dft = np.exp(-2j * np.pi * k * n / n_fft) * (n_fft**-0.5 if normalized else 1)
    rows = [(dft * window) @ eye[m * hop_length : m * hop_length + n_fft] for m in range(frames)]
    return np.concatenate(rows), frames, bins


def griffin_lim(analyse, synthesise, target, start, iterations, alpha):
    """Fast Griffin-Lim as in the paper, on spectra: c_n is accelerated, t_n consistent."""

    def project_magnitude(c):
        size = np.abs(c)
        return np.where(size > 0, target * c / np.where(size > 0, size, 1), 0)

    def consistent(c):
        return analyse(synthesise(c))

    c = previous = consistent(start)
    for _ in range(iterations):
        t = consistent(project_magnitude(c))
        c = t + alpha * (t - previous)
        previous = t
    return synthesise(previous)


def spsi(magnitude, hop_length, n_fft, delay=np.pi):
    """Single pass spectrogram inversion of (bins, frames), frame by frame and peak by peak."""
    bins, frames = magnitude.shape
    before = np.zeros(bins)
    phase = np.zeros((bins, frames))
    for m in range(frames):
        v = magnitude[:, m]
        peaks = [k for k in range(1, bins - 1) if v[k] > v[k + 1] and v[k] >= v[k - 1]]
        now = before + 2 * np.pi * np.arange(bins) * hop_length / n_fft
        borders = [0]
        for left, right in pairwise(peaks):
            borders.append(left + int(np.argmin(v[left : right + 1])))
        borders.append(bins)
        for i, k in enumerate(peaks):
            below, at, above = v[k - 1 : k + 2]
            shift = 0.5 * (below - above) / (below - 2 * at + above)
            at_peak = before[k] + 2 * np.pi * (k + shift) * hop_length / n_fft
            for f in range(borders[i], borders[i + 1]):
                now[f] = at_peak + delay * (k - f)
        before = np.mod(now, 2 * np.pi)
        phase[:, m] = before
    return phase
