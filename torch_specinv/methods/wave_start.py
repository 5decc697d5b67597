"""The documented function that makes a start for transforms that need not be known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..checks import (
    check_finite,
    check_generator,
    check_not_hidden,
    lift,
    real_dtype,
    refuse_negative,
)
from ..constraints.bands import Bands
from ..errors import SpecInvError
from ..inversion.invert import invert
from ..inversion.opaque import opaque
from ..optimize.frequency_response import measure_bank
from ..optimize.transform_checks import check_transform
from ..optimize.transform_problem import Transform, TransformProblem
from ..optimize.wave_shape import read_shape
from ..tensors import Numbers, as_tensor
from ..transform.geometry import STFTKeywords
from .phase_init import phase_init

# Length of the transform between, and iterations of its inversion
_N_FFT = 1024
_ITERATIONS = 32
# The shortest transform between that says anything
_LEAST = 32


@opaque
def wave_init(
    spec: Numbers,
    transform_fn: Transform,
    samples: int | tuple[int, ...] | None = None,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return a waveform to start from, for a transform that need not be known.

    Narrow bands of noise are sent through the transform, which tells the share B of each
    frequency's power that arrives in each of its bands. Then smooth magnitudes that agree with
    `spec`, :math:`|T|^{2/d} = B |S|^2`, are found by multiplicative updates and inverted. For
    constant-Q transforms and other filter banks, :func:`torch_specinv.L_BFGS` comes to far better
    sound from here than from noise.

    Parameters
    ----------
    spec : Tensor
        What was observed: magnitudes (d = 1) or powers (d = 2), shape (..., bands, frames).
    transform_fn : callable
        From waveforms to the shape of `spec`, its frames spread evenly over the waveform.
    samples : int or tuple of int, optional
        The shape of the waveform, as in :func:`torch_specinv.L_BFGS`.
    generator : torch.Generator, optional
        For the noise.

    Returns
    -------
    Tensor
        The waveform in that shape, in the dtype and on the device of `spec`.

    Raises
    ------
    SpecInvError
        If the transform is too short, has no frames, or is no magnitude or power.

    References
    ----------
    The updates are those of non-negative matrix factorisation: Lee, Seung, 2001.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import L_BFGS, STFT, wave_init
    >>> from torch_specinv.comparing.signals import music_like
    >>> wave = music_like(8000, 1.0)
    >>> stft = STFT.of_wave(wave, n_fft=512, window=torch.hann_window(512))
    >>> bands = torch.rand(40, 257, generator=torch.manual_seed(0)) ** 8
    >>> transform = lambda x: bands @ stft(x)
    >>> start = wave_init(transform(wave), transform, 8000)
    >>> L_BFGS(transform(wave), transform, init_x0=start, outer_max_iter=10, verbose=False).shape
    torch.Size([8000])
    """
    spec = as_tensor(spec, "spec")
    check_finite(spec, "spec")
    check_not_hidden(
        "wave_init looks at what it is given",
        "pass the batch itself without it",
        spec,
    )
    check_generator(generator)
    if spec.ndim >= 2 and not spec.is_complex():
        refuse_negative(spec, "spec")
    lifted = lift(spec.detach())
    observed = lifted.abs()
    if spec.ndim < 2 or spec.numel() == 0:
        raise SpecInvError(
            f"spec has shape {tuple(spec.shape)}: wave_init needs (..., bands, frames). From any "
            "other transform start L_BFGS from noise."
        )
    shape = read_shape(samples, observed, transform_fn)
    observed = observed.reshape(-1, *spec.shape[-2:])
    if len(observed) != math.prod(shape[:-1]) or shape[-1] < 4 * _LEAST:
        raise SpecInvError(
            f"a waveform of shape {shape} and a spec of shape {tuple(spec.shape)}: wave_init needs "
            f"at least {4 * _LEAST} samples, and a waveform for each (bands, frames)."
        )
    problem = TransformProblem.of(transform_fn, None, shape, lifted)
    silence = torch.zeros_like(problem.everyone)
    check_transform(problem, silence, tuple(spec.shape), complex_=spec.is_complex())
    with torch.no_grad():
        waves = _start(observed, transform_fn, shape, generator)
    return waves.to(real_dtype(spec.dtype)).reshape(shape)


def _start(
    observed: Tensor,
    transform_fn: Transform,
    shape: tuple[int, ...],
    generator: torch.Generator | None,
) -> Tensor:
    """Return a wave (samples) for each of the magnitudes or powers (items, bands, frames)."""
    samples = shape[-1]
    n_fft = min(_N_FFT, 2 ** int(math.log2(samples / 4)))
    like = observed.new_empty(shape)
    bank, degree = measure_bank(transform_fn, like, observed.shape[1], n_fft, generator)
    share = bank.sum(1)
    heard = share > 1e-9 * share.max()
    peak = observed.amax((1, 2), keepdim=True)
    scaled = observed[:, heard.to(observed.device)] / torch.where(peak > 0, peak, 1)
    bands = Bands.of(scaled ** (2 / degree), bank[heard], power=2.0)
    frames = 1 + samples // (n_fft // 4)
    guess = torch.nn.functional.interpolate(
        bands.magnitude(), frames, mode="linear", align_corners=True
    )
    window = torch.hann_window(n_fft, dtype=observed.dtype, device=observed.device)
    stft: STFTKeywords = {"n_fft": n_fft, "window": window}
    start = phase_init(guess, method="pghi", length=samples, **stft)
    waves = invert(start, max_iter=_ITERATIONS, length=samples, verbose=False, **stft).wave
    found = transform_fn(waves.reshape(shape)).abs()
    found = found.reshape(observed.shape).flatten(1).norm(dim=1)
    wanted = observed.flatten(1).norm(dim=1)
    level = torch.where(found > 0, wanted / found.clamp_min(1e-30), 1) ** (1 / degree)
    return waves * level[:, None]
