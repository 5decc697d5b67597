"""Phase gradient heap integration as published, with a heap: the oracle for the one without."""

from __future__ import annotations

import heapq

import numpy as np


def integrate(strength, along_time, along_frequency, tol):
    """Integrate float steps (frames, bins) from the strongest bin outwards; 0 at or below tol."""
    frames, bins = strength.shape
    phase = np.zeros((frames, bins))
    done = strength <= tol
    for start in np.argsort(-strength, axis=None):
        seed = divmod(int(start), bins)
        if done[seed]:
            continue
        done[seed] = True
        heap = [(-strength[seed], *seed)]
        while heap:
            _, t, f = heapq.heappop(heap)
            for there, step in (
                ((t + 1, f), along_time[t, f]),
                ((t - 1, f), -along_time[t - 1, f]),
                ((t, f + 1), along_frequency[t, f]),
                ((t, f - 1), -along_frequency[t, f - 1]),
            ):
                inside = 0 <= there[0] < frames and 0 <= there[1] < bins
                if inside and not done[there]:
                    done[there] = True
                    phase[there] = phase[t, f] + step
                    heapq.heappush(heap, (-strength[there], *there))
    return phase


def steps(magnitude, hop_length, n_fft, width, centre, floor=1e-7):
    """The published derivatives of (frames, bins), frame-centred at reflecting ends, in radians."""
    frames, bins = magnitude.shape
    log = np.log(np.maximum(magnitude / magnitude.max(), floor))
    k = np.arange(bins)
    in_time = np.zeros((frames, bins))
    in_time[:, 1:-1] = hop_length * n_fft / (2 * width) * (log[:, 2:] - log[:, :-2])
    in_time += 2 * np.pi * hop_length * k / n_fft
    in_frequency = np.zeros((frames, bins))
    in_frequency[1:-1] = -width / (2 * hop_length * n_fft) * (log[2:] - log[:-2])
    in_frequency -= 2 * np.pi * centre / n_fft
    along_time = np.zeros_like(in_time)
    along_time[:-1] = 0.5 * (in_time[1:] + in_time[:-1])
    along_frequency = np.zeros_like(in_frequency)
    along_frequency[:, :-1] = 0.5 * (in_frequency[:, 1:] + in_frequency[:, :-1])
    return along_time, along_frequency
