"""A first phase, without iterating."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from ..checks import check_generator, lift
from ..constraints import Magnitude
from ..inversion.settings import method
from ..phase import PHASES, starting_spectrum
from ..tensors import Numbers, as_tensor
from ..transform.geometry import STFTKeywords
from ..transform.rounded_alike import magnitude_of
from ..transform.stft import STFT


@method(())
def phase_init(
    spec: Numbers,
    *,
    method: str = "spsi",
    length: int | None = None,
    generator: torch.Generator | None = None,
    **stft_kwargs: Unpack[STFTKeywords],
) -> Tensor:
    """Initialize the phase of a magnitude spectrogram, without iterating.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), real and not negative; of a complex one the magnitude is taken.
    method : str, default "spsi"
        "spsi" (Single Pass Spectrogram Inversion: sinusoids followed through time), "pghi" (phase
        gradients integrated from strong bins to weak ones), "learned" (the same with gradients that
        a small network has corrected), "random" or "zero".
    length : int, optional
        Samples of the waveform, which "pghi" and "learned" look at near the end. Default: the
        fewest that have as many frames as `spec`.
    generator : torch.Generator, optional
        For "random"; the same seed gives the same phases.
    {keywords}

    Returns
    -------
    Tensor
        Complex, of the shape of `spec`: the magnitude with the phase. float16 and bfloat16 give
        complex64.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be.

    References
    ----------
    - Beauregard, Harish, Wyse: "Single pass spectrogram inversion", 2015.
    - Průša, Balazs, Søndergaard: "A noniterative method for reconstruction of phase from STFT
      magnitude", 2017.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import phase_init
    >>> magnitude = torch.rand(257, 20, generator=torch.manual_seed(0))
    >>> spectrum = phase_init(magnitude, window=torch.hann_window(512))
    >>> torch.allclose(spectrum.abs(), magnitude)
    True
    """
    PHASES.named(method, "method")
    check_generator(generator)
    spec = as_tensor(spec, "spec")
    stft = STFT.of(spec, length=length, **stft_kwargs)
    lifted = lift(spec).reshape(-1, *spec.shape[-2:])
    magnitude = magnitude_of(lifted) if lifted.is_complex() else lifted
    return starting_spectrum(Magnitude(magnitude), stft, method, generator).reshape(spec.shape)
