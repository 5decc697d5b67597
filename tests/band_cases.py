"""Filter banks, and problems of sums over their bands."""

from __future__ import annotations

import torch

from tests.cases import of_type
from tests.conftest import hann
from tests.mel_cases import bank
from tests.native_cases import FITTING
from torch_specinv.constraints import Bands
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.filter_banks import chroma_scale, third_octave_scale
from torch_specinv.transform.stft import STFT

SLANEY = torch.from_numpy(bank(8000, 128, 12))

BANKS = {
    "slaney": SLANEY,
    "htk, without norm": torch.from_numpy(bank(8000, 128, 20, htk=True, norm=None, fmax=3000)),
    "many bands, some empty": torch.from_numpy(bank(8000, 128, 40)),
    "in no order": SLANEY[torch.randperm(12, generator=torch.Generator().manual_seed(0))],
    "single bins": torch.eye(65, dtype=torch.float64),
    "one band": torch.rand(1, 65, dtype=torch.float64),
    "chroma": chroma_scale(8000, 128).double(),
    "third octaves": third_octave_scale(8000, 128).double(),
    "dense": torch.rand(16, 65, dtype=torch.float64, generator=torch.Generator().manual_seed(1)),
}


def problem_of(samples, matrix=SLANEY, power=1.0, geometry="usual", items=3, dtype=torch.float32):
    """Sums that are nearly those of a wave, and a spectrum that nearly has them."""
    keywords = {"n_fft": 128, "window": hann(128), **FITTING[geometry]}
    generator = torch.Generator().manual_seed(samples)
    wave = torch.randn(items, samples, generator=generator, dtype=torch.float64)
    stft = STFT.of_wave(wave, **keywords)
    spectrum = stft.analyse(wave)
    matrix = torch.from_numpy(bank(8000, stft.geometry.n_fft, 12)) if matrix is None else matrix
    noise = torch.rand(len(spectrum), len(matrix), spectrum.shape[2], generator=generator)
    target = matrix @ spectrum.abs() ** power * (1 + 0.3 * noise)
    used = matrix.sum(1) > 0
    constraint = Bands.of(target[:, used].to(dtype), matrix[used], power)
    problem = SpectrogramProblem.of(constraint, of_type(stft, dtype))
    turned = torch.polar(
        spectrum.abs() / problem.scale.double(),
        spectrum.angle() + 0.3 * torch.randn(spectrum.shape, generator=generator),
    )
    return problem, turned.to(dtype.to_complex())
