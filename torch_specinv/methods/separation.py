"""The documented function for sources of a mixture."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..algorithms.mixing import MIXING, MixIncons, MixInconsHardMag
from ..constraints.mixture import Mixture
from ..errors import check_choice
from ..inversion.invert import invert
from ..inversion.settings import DEFAULTS, method
from ..solve.algorithm import ALGORITHMS, Algorithm, hyperparameters
from ..solve.result import Inversion
from ..tensors import Numbers

_OTHERS = tuple(
    name for name in DEFAULTS if name not in ("mel", "preset", "constraint", "transforms")
)
# What Magron and Virtanen take for those that do not add up exactly
_BY_MAGNITUDE = (MixIncons, MixInconsHardMag)


@method(_OTHERS, more="hyperparameters")
def separate(
    magnitudes: Numbers,
    mixture: Numbers,
    algorithm: str | Algorithm = "griffin_lim",
    *,
    weight: float | Tensor = 1.0,
    distribution: str | None = None,
    **keywords: Any,
) -> Inversion:
    r"""Find the sources of a mixture from their magnitudes, so that they add up to it.

    .. math:: \min_{x_j} \sum_j \lVert\, |A x_j| - S_j \,\rVert^2
              \quad \text{with} \quad \sum_j x_j = x

    Sources start at the mixture's phase, and are made to add up in every iteration. What a mask
    leaves of the mixture, such as the noise, is a source as well: stack it with the others.

    Parameters
    ----------
    magnitudes : Tensor
        Shape (..., sources, bins, frames), real, or complex with the phase to start from.
    mixture : Tensor
        The waveform (..., samples), or its complex spectrum (..., bins, frames). Channels come
        before sources: (..., channels, samples) and (..., channels, sources, bins, frames).
    algorithm : str or Algorithm, default "griffin_lim"
        Any that :func:`invert` takes, but "rtisi_la". For exact magnitudes "auto", "raar" and
        "admm" come nearest. Or one of the five that Magron and Virtanen (2023) compare: "misi",
        "incons_hard_mix", "mix_incons_hard_mag", "mix_incons", "mag_incons_hard_mix"; see
        :mod:`torch_specinv.algorithms.mixing` for their equations. Their hyperparameter
        `consistency` is the weight of consistency.
    weight : float or Tensor, default 1.0
        1 makes waves add up to the mixture to rounding; less, down to 0, only pulls them there.
        A tensor (..., bins, frames) has one for each bin.
    distribution : str, optional
        How what is lacking is divided among the sources: "equal", by "magnitude", or "wiener".
        Default: "equal", but "magnitude" for "mix_incons" and "mix_incons_hard_mag".
    {keywords}
    **hyperparameters
        Those of the algorithm, if it is given by name.

    Returns
    -------
    Inversion
        Its wave is (..., sources, samples). The metrics of the history are of all sources of a
        mixture together; `per_source` has those of each source.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any work is done.

    References
    ----------
    - Gunawan, Sen: "Iterative phase estimation for the synthesis of separated sources from
      single-channel mixtures", 2010.
    - Magron, Virtanen: "Spectrogram inversion for audio source separation via consistency, mixing,
      and magnitude constraints", 2023.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, separate
    >>> sources = torch.randn(3, 4000, generator=torch.manual_seed(0))
    >>> stft = {"n_fft": 256, "window": torch.hann_window(256)}
    >>> magnitudes = STFT.of_wave(sources, **stft)(sources)
    >>> found = separate(magnitudes, sources.sum(0), max_iter=50, verbose=False, **stft)
    >>> found.wave.shape, found.per_source["sc"].shape
    (torch.Size([3, 4000]), torch.Size([3]))
    >>> torch.allclose(found.wave.sum(0), sources.sum(0), atol=1e-5)
    True
    """
    if isinstance(algorithm, str):
        check_choice("algorithm", algorithm, [*ALGORITHMS, *MIXING])
        if algorithm in MIXING:
            kind = MIXING[algorithm]
            own = {n: keywords.pop(n) for n in hyperparameters(kind) if n in keywords}
            algorithm = kind(**own)
    if distribution is None:
        distribution = "magnitude" if isinstance(algorithm, _BY_MAGNITUDE) else "equal"
    constraint = Mixture(mixture, weight, distribution)
    return invert(magnitudes, algorithm, constraint=constraint, **keywords)
