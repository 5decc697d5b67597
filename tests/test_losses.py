"""The losses against formulas in numpy, against other packages, and at the ends of their range."""

from __future__ import annotations

import math
import sys
import types
from functools import partial

import numpy as np
import pytest
import torch

from torch_specinv import SpecInvError, losses
from torch_specinv.losses import PARALLEL_WAVEGAN, FIRFilter, mel_scale
from torch_specinv.losses.spectra import power, spectra

auraloss = pytest.importorskip("auraloss")
DOUBLE = torch.float64
SMALL = {"n_fft": 64, "hop_length": 16}
RESOLUTIONS = {"hop_lengths": (16, 32), "win_lengths": (64, 100), "fft_sizes": (64, 128)}

#: Everything that takes two waveforms (..., samples)
WAVE_LOSSES = {
    "esr": losses.esr_loss,
    "esr, filtered": partial(losses.esr_loss, weighting=FIRFilter("folded_differentiator")),
    "dc": losses.dc_loss,
    "logcosh": losses.logcosh_loss,
    "snr": losses.snr_loss,
    "si_sdr": losses.si_sdr_loss,
    "sd_sdr": losses.sd_sdr_loss,
    "elementwise": partial(losses.elementwise_loss, dims=1),
    "stft": partial(losses.stft_loss, **SMALL),
    "stft, mel": partial(losses.stft_loss, **SMALL, scale=mel_scale(8000, 64, 8)),
    "stft, all terms": partial(
        losses.stft_loss, **SMALL, w_lin=0.5, w_phase=0.5, log_dist="L2", scale_invariant=True
    ),
    "mrstft": partial(losses.mrstft_loss, **RESOLUTIONS),
    "mrstft, powers": partial(losses.mrstft_loss, **RESOLUTIONS, power=2.0, lin_dist="L2"),
    "transport": partial(
        losses.multi_resolution_transport_loss, fft_sizes=(64, 128), hop_lengths=(16, 32)
    ),
}
#: Everything that takes two magnitudes (..., bins, frames)
SPECTRAL_LOSSES = {
    "sc": losses.spectral_convergence_loss,
    "log": losses.log_magnitude_loss,
    "linear": partial(losses.elementwise_loss, metric="L2"),
    "transport, 2": losses.spectral_optimal_transport_loss,
    "transport, 1": partial(losses.spectral_optimal_transport_loss, p=1),
    "transport, unbalanced": partial(
        losses.spectral_optimal_transport_loss, balanced=False, quantile_lowpass=True
    ),
}


def waves(*shape, dtype=DOUBLE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *shape, generator=generator, dtype=dtype)


def magnitudes(*shape, seed=0):
    return waves(*shape, seed=seed).abs() + 0.01


# -- formulas ----------------------------------------------------------------------------------


def numpy_stft(x, n_fft, hop, window):
    """Frames centred on multiples of the hop, ends reflected: (..., bins, frames)."""
    padded = np.pad(x, (n_fft // 2, n_fft // 2), mode="reflect")
    left = (n_fft - len(window)) // 2
    window = np.pad(window, (left, n_fft - len(window) - left))
    count = 1 + (len(padded) - n_fft) // hop
    frames = [padded[m * hop : m * hop + n_fft] * window for m in range(count)]
    return np.fft.rfft(frames, axis=-1).T


def periodic_hann(length):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


TIME_FORMULAS = {
    "esr": lambda x, y: ((y - x) ** 2).sum() / ((y**2).sum() + 1e-8),
    "dc": lambda x, y: (y - x).mean() ** 2 / ((y**2).mean() + 1e-8),
    "logcosh": lambda x, y: np.log(np.cosh(x - y)).mean(),
    "snr": lambda x, y: -10 * np.log10((zm(y) ** 2).sum() / (zm(y - x) ** 2).sum()),
    "si_sdr": lambda x, y: si_sdr(zm(x), zm(y)),
    "sd_sdr": lambda x, y: sd_sdr(zm(x), zm(y)),
    "elementwise": lambda x, y: abs(x - y).mean(),
}


def zm(x):
    return x - x.mean()


def si_sdr(x, y):
    target = (x @ y) / (y @ y) * y
    return -10 * np.log10((target**2).sum() / ((x - target) ** 2).sum())


def sd_sdr(x, y):
    target = (x @ y) / (y @ y) * y
    return -10 * np.log10((target**2).sum() / ((x - y) ** 2).sum())


@pytest.mark.parametrize("name", TIME_FORMULAS)
def test_time_formulas_per_item(name):
    x, y = waves(2, 3, 500)
    x = y + 0.3 * x
    values = WAVE_LOSSES[name](x, y, reduction="none")
    assert values.shape == (2, 3)
    for i in np.ndindex(2, 3):
        expected = TIME_FORMULAS[name](x[i].numpy(), y[i].numpy())
        assert float(values[i]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("z", [1e-6, 1e-3, 0.2499, 0.2501, 1.0, 30.0, 1e4, 1e30])
def test_logcosh_of_any_error(z):
    exact = z + np.log1p(np.exp(-2 * z)) - np.log(2) if z > 0.01 else z**2 / 2 - z**4 / 12
    x = torch.tensor([z, -z], dtype=torch.float32)
    loss = losses.logcosh_loss(x.requires_grad_(), torch.zeros(2))
    gradient, x = torch.autograd.grad(loss, x)[0], x.detach()
    assert float(loss.detach()) == pytest.approx(exact, rel=2e-6)
    assert gradient.tolist() == pytest.approx([np.tanh(z) / 2, -np.tanh(z) / 2], rel=1e-5)
    assert float(losses.logcosh_loss(x / 3, torch.zeros(2), a=3.0)) == pytest.approx(
        exact / 3, rel=2e-6
    )


def test_spectral_formulas_per_item():
    x, y = magnitudes(3, 9, 7)
    log = np.log
    for i in range(3):
        a, b = x[i].numpy(), y[i].numpy()
        formulas = {
            "sc": np.linalg.norm(b - a) / np.linalg.norm(b),
            "log": abs(log(a + 1e-7) - log(b + 1e-7)).mean(),
            "linear": ((a - b) ** 2).mean(),
        }
        for name, expected in formulas.items():
            values = SPECTRAL_LOSSES[name](x, y, reduction="none")
            assert float(values[i]) == pytest.approx(expected, rel=1e-9)


def test_stft_loss_formula():
    """All terms, for an item of a batch; against numpy's transform."""
    x, y = waves(3, 400)
    settings = {"n_fft": 64, "hop_length": 20, "win_length": 50, "floor": 0.5}
    weights = {"w_sc": 2.0, "w_log": 0.7, "w_lin": 0.3, "w_phase": 0.1}
    bank = np.random.default_rng(0).random((5, 33))
    values = losses.stft_loss(
        x, y, **settings, **weights, scale=torch.from_numpy(bank), log_dist="L2", log_fac=3.0,
        log_eps=0.2, power=1.5, reduction="none",
    )  # fmt: skip
    for i in range(3):
        spectra = [numpy_stft(s[i].numpy(), 64, 20, periodic_hann(50)) for s in (x, y)]
        a, b = (bank @ np.maximum(abs(s), 0.5) ** 1.5 for s in spectra)
        phases = 1 - np.cos(np.angle(spectra[0]) - np.angle(spectra[1]))
        expected = (
            2.0 * np.linalg.norm(b - a) / np.linalg.norm(b)
            + 0.7 * ((np.log(3 * a + 0.2) - np.log(3 * b + 0.2)) ** 2).mean()
            + 0.3 * abs(a - b).mean()
            + 0.1 * phases.mean()
        )
        assert float(values[i]) == pytest.approx(expected, rel=1e-6)


def test_mrstft_loss_formula():
    """The defaults, for an item of a batch."""
    x, y = waves(2, 3000)
    for i in range(2):
        terms = []
        for win in (64, 128, 256, 512, 1024, 2048):
            window = periodic_hann(win)
            a, b = (abs(numpy_stft(s[i].numpy(), win, win // 2, window)) for s in (x, y))
            logs = abs(np.log(a + 1e-7) - np.log(b + 1e-7))
            terms.append(abs(a - b).mean() + logs.mean())
        value = losses.mrstft_loss(x, y, reduction="none")[i]
        assert float(value) == pytest.approx(np.mean(terms), rel=1e-6)


def test_smooth_mrstft_loss_formula():
    from scipy.signal import get_window

    x, y = waves(3000)
    pairs = zip((32, 63, 128, 254, 510, 1026), (67, 127, 257, 509, 1021, 2053), strict=True)
    terms = []
    for hop, win in pairs:
        window = get_window("flattop", win)
        a, b = (abs(numpy_stft(s.numpy(), win, hop, window)) for s in (x, y))
        terms.append(((np.log1p(a) - np.log1p(b)) ** 2).mean())
    assert float(losses.smooth_mrstft_loss(x, y)) == pytest.approx(np.mean(terms), rel=1e-6)


def test_scale_invariant_target():
    """The target is scaled item by item; so a gain of it costs nothing."""
    x, y = waves(2, 400)
    loss = partial(losses.stft_loss, **SMALL, scale_invariant=True, floor=1e-9, reduction="none")
    assert torch.allclose(loss(x, 1000 * y), loss(x, y))
    assert loss(x, -3 * x).abs().max() < 1e-9
    both = loss(x, torch.stack([y[0], 50 * y[1]]))
    assert torch.allclose(both, loss(x, y))


def test_phase_loss():
    x, y = waves(3, 9, 7), waves(3, 9, 7, seed=1)
    x, y = torch.complex(x[0], x[1]), torch.complex(y[0], y[1])
    values = losses.phase_loss(x, y, reduction="none")
    expected = (1 - np.cos(np.angle(x) - np.angle(y))).mean((-2, -1))
    assert np.allclose(values.numpy(), expected, atol=1e-6)
    silent = torch.zeros(9, 7, dtype=torch.complex128, requires_grad=True)
    loss = losses.phase_loss(silent, torch.zeros_like(silent))
    assert torch.autograd.grad(loss, silent)[0].abs().max() == 0
    assert loss.detach() == 1


def wasserstein(u, v, positions, p):
    """Move mass greedily from left to right: optimal in one dimension."""
    u, v, i, j, cost = u.copy(), v.copy(), 0, 0, 0.0
    while i < len(u) and j < len(v):
        mass = min(u[i], v[j])
        cost += mass * abs(positions[i] - positions[j]) ** p
        u[i] -= mass
        v[j] -= mass
        if u[i] <= v[j]:
            i += 1
        else:
            j += 1
    return cost


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("positions", [None, torch.linspace(1, 3, 9, dtype=DOUBLE) ** 2])
def test_transport_is_exact(p, positions):
    x, y = magnitudes(2, 9, 4)
    x[0, :5] = 0  # nothing to move in some bins
    values = losses.spectral_optimal_transport_loss(x, y, positions, p, eps=0.0, reduction="none")
    places = np.arange(9) / 9 if positions is None else positions.numpy()
    for i in range(2):
        costs = []
        for m in range(4):
            u, v = (s[i, :, m].numpy() / s[i, :, m].sum().item() for s in (x, y))
            costs.append(wasserstein(u, v, places, p))
        assert float(values[i]) == pytest.approx(np.mean(costs), rel=1e-9)


def test_transport_pulls_a_tone_into_place():
    """Where spectra do not overlap, the gradient of a difference vanishes, and this does not."""
    t = torch.arange(4000, dtype=DOUBLE) / 8000
    target = torch.sin(2 * torch.pi * 1000 * t)
    hertz = torch.tensor(2500.0, dtype=DOUBLE, requires_grad=True)
    loss = losses.multi_resolution_transport_loss(torch.sin(2 * torch.pi * hertz * t), target)
    assert float(torch.autograd.grad(loss, hertz)[0]) > 0


# -- filters and scales ------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_weighting_filter_follows_the_curve(sr):
    taps = FIRFilter("a_weighting", sr=sr).taps.double().numpy()
    f = np.geomspace(50, min(16000, 0.45 * sr), 300)
    response = abs(np.exp(-2j * np.pi * np.outer(f / sr, np.arange(len(taps)))) @ taps)
    # IEC 61672-1, annex E
    f2 = f**2
    curve = 12194.217**2 * f2**2 / (
        (f2 + 20.598997**2) * np.sqrt((f2 + 107.65265**2) * (f2 + 737.86223**2))
        * (f2 + 12194.217**2)
    )  # fmt: skip
    difference = 20 * np.log10(response / curve) - 2.0
    assert abs(difference).max() < 0.5


def test_a_weighting_at_the_published_frequencies():
    """Table 3 of IEC 61672-1, to a tenth of a decibel."""
    table = {63: -26.2, 125: -16.1, 250: -8.6, 500: -3.2, 1000: 0, 2000: 1.2, 4000: 1.0, 8000: -1.1}
    exact = torch.tensor([1000 * 10 ** (0.3 * k) for k in range(-4, 4)])
    gains = 20 * losses.a_weighting(exact).log10()
    assert gains.tolist() == pytest.approx(list(table.values()), abs=0.06)


@pytest.mark.parametrize(
    ("kind", "taps"), [("highpass", [1, -0.7]), ("folded_differentiator", [1, 0, -0.7])]
)
def test_short_filters(kind, taps):
    wave = waves(3, 50)[0]
    filtered = FIRFilter(kind, coefficient=0.7)(wave)
    for i in range(3):
        assert np.allclose(filtered[i], np.convolve(wave[i], taps)[:50], atol=1e-6)


@pytest.mark.parametrize("taps", [1, 3, 63, 65, 401])
def test_filters_of_any_length_have_no_delay(taps):
    wave = waves(2, 300)[0]
    weighting = FIRFilter("a_weighting", sr=16000, taps=taps)
    assert len(weighting.taps) == taps
    filtered = weighting(wave)
    for i in range(2):
        full = np.convolve(wave[i], weighting.taps.double())
        assert np.allclose(filtered[i], full[taps // 2 : taps // 2 + 300], atol=1e-9)


def test_scales_are_librosas():
    import librosa

    bank = librosa.filters.mel(sr=16000, n_fft=512, n_mels=20, fmin=50, htk=True, norm=None)
    assert np.array_equal(mel_scale(16000, 512, 20, fmin=50, htk=True, norm=None), bank)
    chroma = librosa.filters.chroma(sr=16000, n_fft=512)
    assert np.array_equal(losses.chroma_scale(16000, 512), chroma.astype(np.float32))


# -- other packages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.esr_loss, "ESRLoss"),
        (losses.dc_loss, "DCLoss"),
        (losses.logcosh_loss, "LogCoshLoss"),
        (losses.snr_loss, "SNRLoss"),
        (losses.si_sdr_loss, "SISDRLoss"),
        (losses.sd_sdr_loss, "SDSDRLoss"),
    ],
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_auraloss_in_time(ours, theirs, reduction):
    x, y = waves(3, 2, 1000)
    y = x + 0.3 * y
    expected = getattr(auraloss.time, theirs)(reduction=reduction)(x, y)
    assert torch.allclose(ours(x, y, reduction=reduction), expected, rtol=1e-5)


AURALOSS_SETTINGS = [
    ({}, {}),
    ({"w_lin": 0.5}, {"w_lin_mag": 0.5}),
    ({"lin_dist": "L2", "log_dist": "L2", "w_lin": 1.0}, {"mag_distance": "L2", "w_lin_mag": 1.0}),
    ({"window": "blackman"}, {"window": "blackman_window"}),
    (
        {"scale": mel_scale(16000, 1024, 64)},
        {"scale": "mel", "sample_rate": 16000, "n_bins": 64},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), AURALOSS_SETTINGS)
def test_auraloss_stft(ours, theirs):
    """Its norms are over the batch. (Its chroma scale can't be made: torch refuses the array.)"""
    x, y = waves(3, 2, 4000, dtype=torch.float32)
    y = x + 0.3 * y
    module = auraloss.freq.STFTLoss(**theirs)
    expected = module(x, y)
    assert torch.allclose(losses.stft_loss(x, y, norm="batch", **ours), expected, rtol=1e-5)
    # of a single item, a norm over the batch is that of the item
    one = auraloss.freq.STFTLoss(**theirs)(x[:1, :1], y[:1, :1])
    assert torch.allclose(losses.stft_loss(x[0, 0], y[0, 0], **ours), one, rtol=1e-5)


def test_auraloss_at_several_resolutions():
    x, y = waves(3, 2, 6000, dtype=torch.float32)
    y = x + 0.3 * y
    expected = auraloss.freq.MultiResolutionSTFTLoss()(x, y)
    ours = losses.mrstft_loss(x, y, **PARALLEL_WAVEGAN, norm="batch")
    assert torch.allclose(ours, expected, rtol=1e-5)
    shape = ([1024, 2048, 512], [120, 240, 50], [600, 1200, 240])
    stereo = auraloss.freq.SumAndDifferenceSTFTLoss(*shape)(x, y)
    ours = losses.sum_difference_stft_loss(x, y, **PARALLEL_WAVEGAN, norm="batch")
    assert torch.allclose(ours, stereo, rtol=1e-5)


def test_where_auraloss_is_not_followed():
    """Its SI-SDR depends on the level; its filter makes signals longer by 98 samples."""
    x, y = waves(1, 1000)
    theirs = auraloss.time.SISDRLoss()
    assert (theirs(1e-6 * x, 1e-6 * y) - theirs(x, y)).abs() > 0.1
    assert losses.si_sdr_loss(1e-6 * x, 1e-6 * y) == pytest.approx(float(theirs(x, y)), rel=1e-5)
    longer = auraloss.perceptual.FIRFilter("hp")(x[None].float(), y[None].float())[0]
    assert longer.shape[-1] == 1098
    assert FIRFilter("highpass")(x).shape[-1] == 1000


@pytest.fixture
def sot(monkeypatch):
    """The package sot-loss, without torchaudio, which only its mel spectrogram needs."""
    if "torchaudio" not in sys.modules:
        monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    return pytest.importorskip("sot.losses")


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("lowpass", [True, False])
def test_sot_loss(p, normalize, balanced, lowpass, sot):
    x, y = waves(2, 3000, dtype=torch.float32)
    module = sot.Wasserstein1DLoss(
        p=p, normalize=normalize, balanced=balanced, quantile_lowpass=lowpass, reduce=False
    )
    expected = module(x, y).reshape(2, -1).mean(1)
    window = losses.stft.named_window("flattop", 1024)
    a, b = (torch.stft(s, 1024, 256, window=window, return_complex=True).abs() for s in (x, y))
    ours = losses.spectral_optimal_transport_loss(
        a, b, torch.linspace(0, 1, 513), p, normalize, balanced, lowpass, reduction="none"
    )
    assert torch.allclose(ours, expected, rtol=1e-5)


def test_sot_loss_at_several_resolutions(sot):
    x, y = waves(2, 5000, dtype=torch.float32)
    ours = losses.multi_resolution_transport_loss(x, y)
    assert torch.allclose(3 * ours, sot.MultiResolutionSOTLoss()(x, y), rtol=1e-5)


# -- properties --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
def test_a_batch_is_its_items(name):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 3, 400) if name in WAVE_LOSSES else magnitudes(2, 3, 9, 7)
    y = y * torch.tensor([1e-2, 1.0, 1e2], dtype=DOUBLE).view(3, *[1] * (x.ndim - 2))
    each = loss(x, y, reduction="none")
    assert each.shape == (2, 3)
    rows = [[loss(x[i, j], y[i, j]) for j in range(3)] for i in range(2)]
    alone = torch.stack([torch.stack(row) for row in rows])
    assert torch.allclose(each, alone, rtol=1e-9)
    assert torch.allclose(loss(x, y), alone.mean())
    assert torch.allclose(loss(x, y, reduction="sum"), alone.sum())


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
def test_gradcheck(name):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 140, seed=3) if name in WAVE_LOSSES else magnitudes(2, 5, 3, seed=3)
    x.requires_grad_()
    y.requires_grad_()
    assert torch.autograd.gradcheck(loss, (x, y))


@pytest.mark.parametrize("name", ["stft, all terms", "mrstft, powers"])
def test_gradients_of_gradients(name):
    x, y = waves(2, 140, seed=3)
    same = x.clone().requires_grad_()
    first = torch.autograd.grad(WAVE_LOSSES[name](same, x), same, create_graph=True)[0]
    assert torch.isfinite(torch.autograd.grad(first.sum(), same)[0]).all()
    assert torch.autograd.gradgradcheck(WAVE_LOSSES[name], (x.requires_grad_(), y))


@pytest.mark.parametrize("n_fft", [16, 15])
@pytest.mark.parametrize("win", [15, 10, 9])
@pytest.mark.parametrize("hop", [3, 7, 16])
def test_spectra_are_those_of_torch(n_fft, win, hop):
    """But for a phase that all signals share; the gradient is the adjoint's."""
    wave = waves(2, 57)[0].requires_grad_()
    window = torch.rand(win, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    ours = spectra(wave, window, hop, n_fft)
    theirs = torch.stft(wave, n_fft, hop, win, window, return_complex=True)
    assert torch.allclose(ours.abs(), theirs.abs())
    turned = ours[0] * ours[1].conj()
    assert torch.allclose(turned, theirs[0] * theirs[1].conj())
    gradients = [torch.autograd.grad(s.abs().sqrt().sum(), wave)[0] for s in (ours, theirs)]
    assert torch.allclose(*gradients)
    assert torch.allclose(power(ours), theirs.abs() ** 2)
    each = torch.func.vmap(lambda w: spectra(w, window, hop, n_fft))(wave)
    assert torch.equal(each, ours)


@pytest.mark.parametrize("name", [*WAVE_LOSSES, *SPECTRAL_LOSSES])
@pytest.mark.parametrize("case", ["silence", "silent target", "silent estimate", "identical"])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_finite_where_others_are_not(name, case, dtype):
    loss = WAVE_LOSSES.get(name) or SPECTRAL_LOSSES[name]
    x, y = waves(2, 400) if name in WAVE_LOSSES else magnitudes(2, 9, 7)
    if case in ("silence", "silent estimate"):
        x = torch.zeros_like(x)
    if case in ("silence", "silent target"):
        y = torch.zeros_like(y)
    if case == "identical":
        y = x.clone()
    x, y = x.to(dtype).requires_grad_(), y.to(dtype).requires_grad_()
    value = loss(x, y)
    gradients = torch.autograd.grad(value, (x, y), allow_unused=True)
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)
    if case == "identical" and "sdr" not in name and "snr" not in name:
        assert value < 1e-6


@pytest.mark.parametrize("name", WAVE_LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_lifted(name, dtype):
    x, y = waves(2, 400).to(dtype)
    value = WAVE_LOSSES[name](x, y)
    assert value.dtype == torch.float32
    assert torch.allclose(value, WAVE_LOSSES[name](x.float(), y.float()))


@pytest.mark.parametrize("gain", [2.0**-20, 2.0**-3, 2.0**30])
def test_si_sdr_is_exactly_invariant(gain):
    x, y = waves(4, 1000, dtype=torch.float32)
    x = y + 0.1 * x
    value = losses.si_sdr_loss(x, y, reduction="none")
    assert torch.equal(losses.si_sdr_loss(gain * x, y, reduction="none"), value)
    assert torch.equal(losses.si_sdr_loss(x, gain * y, reduction="none"), value)
    assert torch.allclose(losses.si_sdr_loss(3 * x, y, reduction="none"), value, rtol=1e-5)


@pytest.mark.parametrize("decibels", [20, 60, 80, 100])
def test_si_sdr_of_good_estimates(decibels):
    x, y = waves(2000)
    x, y = zm(x.numpy()), zm(y.numpy())
    noise = x - (x @ y) / (y @ y) * y
    noise *= 10 ** (-decibels / 20) * np.linalg.norm(y) / np.linalg.norm(noise)
    loss = losses.si_sdr_loss(torch.from_numpy(y + noise), torch.from_numpy(y))
    assert float(loss) == pytest.approx(-decibels, rel=1e-5)


def test_si_sdr_of_a_constant_is_that_of_silence():
    x, y = torch.full((999,), 0.1, requires_grad=True), waves(999, dtype=torch.float32)[0]
    gradient = torch.autograd.grad(losses.si_sdr_loss(x, y), x)[0]
    assert gradient.abs().max() == 0


def test_weights_of_the_channels():
    x, y = waves(3, 2, 4000)
    sums, differences = (
        losses.mrstft_loss(*(f(s[:, 0], s[:, 1]) for s in (x, y)), **PARALLEL_WAVEGAN)
        for f in (torch.add, torch.sub)
    )
    loss = losses.sum_difference_stft_loss(x, y, w_sum=0.3, w_diff=0.8)
    assert torch.allclose(loss, (0.3 * sums + 0.8 * differences) / 2)
    # a setting changes itself alone
    assert torch.equal(
        losses.sum_difference_stft_loss(x, y, norm="item"), losses.sum_difference_stft_loss(x, y)
    )


def test_weighting_is_of_both_signals():
    x, y = waves(2, 400)
    weighting = FIRFilter("highpass")
    expected = losses.stft_loss(weighting(x), weighting(y), **SMALL)
    assert torch.equal(losses.stft_loss(x, y, **SMALL, weighting=weighting), expected)


def test_settings_have_their_effect():
    x, y = magnitudes(9, 7)
    a, b = np.log(3 * x.numpy() + 0.5), np.log(3 * y.numpy() + 0.5)
    loss = losses.log_magnitude_loss(x, y, "L2", factor=3.0, offset=0.5)
    assert float(loss) == pytest.approx(((a - b) ** 2).mean())
    silent = torch.zeros_like(y)
    loss = losses.spectral_convergence_loss(x, silent, eps=0.5)
    assert float(loss) == pytest.approx(float(x.norm()) / 0.5)
    u, v = waves(100)
    assert float(losses.esr_loss(u, 0 * v, eps=2.0)) == pytest.approx(float(u @ u) / 2)
    u, v = waves(400)
    shape = {"fft_sizes": (64,), "hop_lengths": (16,), "window": "hann"}
    loss = losses.multi_resolution_transport_loss(u, v, **shape, power=2.0, p=1)
    a, b = (abs(numpy_stft(s.numpy(), 64, 16, periodic_hann(64))) ** 2 for s in (u, v))
    places = np.linspace(0, 1, 33)
    costs = [
        wasserstein(a[:, m] / a[:, m].sum(), b[:, m] / b[:, m].sum(), places, 1)
        for m in range(a.shape[1])
    ]
    assert float(loss) == pytest.approx(np.mean(costs), rel=1e-6)


@pytest.mark.parametrize("power", [0.3, 0.5, 1.5])
def test_powers_at_silence(power):
    for loss in (
        partial(losses.mrstft_loss, **RESOLUTIONS, power=power),
        partial(losses.stft_loss, **SMALL, power=power, floor=1e-23),
        partial(
            losses.multi_resolution_transport_loss, fft_sizes=(64,), hop_lengths=(16,), power=power
        ),
    ):
        x = torch.zeros(400, requires_grad=True)
        gradient = torch.autograd.grad(loss(x, waves(400, dtype=torch.float32)[0]), x)[0]
        assert torch.isfinite(gradient).all()


def test_autocast_does_not_round():
    x, y = waves(2, 400, dtype=torch.float32)
    for loss in (WAVE_LOSSES["esr, filtered"], WAVE_LOSSES["stft, mel"]):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(x, y)
        assert value.dtype == torch.float32
        assert torch.equal(value, loss(x, y))


def test_spectra_that_torch_has_not_conjugated_yet():
    x = torch.view_as_complex(torch.randn(9, 7, 2, generator=torch.Generator().manual_seed(0)))
    assert losses.phase_loss(x.conj(), x.conj().resolve_conj()) < 1e-6
    assert losses.phase_loss(1e10 * x, 1e10 * x) < 1e-6


def test_channels_may_be_exchanged():
    x, y = waves(3, 2, 4000)
    loss = partial(losses.sum_difference_stft_loss, reduction="none")
    assert torch.allclose(loss(x.flip(1), y.flip(1)), loss(x, y))
    assert torch.allclose(loss(x.flip(1), y), loss(x, y))


def test_frames_are_cut_and_the_batch_has_one_norm():
    x, y = magnitudes(3, 5, 9)
    assert torch.equal(
        losses.spectral_convergence_loss(x[..., :7], y),
        losses.spectral_convergence_loss(x[..., :7], y[..., :7]),
    )
    expected = torch.linalg.vector_norm(x - y) / torch.linalg.vector_norm(y)
    assert torch.allclose(losses.spectral_convergence_loss(x, y, norm="batch"), expected)


def test_random_resolutions(monkeypatch):
    x, y = waves(2, 4000)

    def draw(seed, **settings):
        generator = torch.Generator().manual_seed(seed)
        return losses.random_resolution.draw_resolutions(
            4000, 500, (16, 16384), (0.1, 1.0), ("hann", "ones"), generator, **settings
        )

    drawn = draw(0)
    assert drawn == draw(0) != draw(1)
    assert {n_fft for n_fft, *_ in drawn} == {2**k for k in range(4, 12)}
    assert {n_fft // win for n_fft, _, win, _ in drawn} == {1, 2, 4}
    assert {name for *_, name in drawn} == {"hann", "ones"}
    shares = np.array([hop / n_fft for n_fft, hop, *_ in drawn if n_fft > 256])
    assert 0.095 < shares.min() < 0.13
    assert 0.95 < shares.max() < 1
    loss = partial(losses.random_resolution_stft_loss, x, y)
    seeded = [loss(generator=torch.Generator().manual_seed(4)) for _ in range(2)]
    assert seeded[0] == seeded[1]
    torch.manual_seed(4)
    assert loss() == seeded[0] != loss()


def test_time_frequency_loss():
    x, y = waves(2, 400)

    def square(s):
        return s**2

    first, second = losses.elementwise_loss, partial(losses.elementwise_loss, metric="L2")
    general = partial(losses.time_frequency_loss, x, y, torch.sin)
    a, b = torch.sin(x), torch.sin(y)
    assert general(first) == first(a, b)
    assert torch.allclose(general([first, second]), (first(a, b) + second(a, b)) / 2)
    assert torch.allclose(
        general([first, second], [square, torch.cos], [2.0, 0.5]),
        2 * first(a**2, b**2) + 0.5 * second(a.cos(), b.cos()),
    )
    assert torch.allclose(general([first, first], square), first(a**2, b**2))
    weights = torch.tensor([2.0, 0.5], dtype=DOUBLE, requires_grad=True)
    gradient = torch.autograd.grad(general([first, second], None, weights), weights)[0]
    assert torch.allclose(gradient, torch.stack([first(a, b), second(a, b)]))


# -- modules, compilation, objectives ------------------------------------------------------------

MODULES = {
    "ESRLoss": (losses.ESRLoss, losses.esr_loss, {"eps": 1e-3}),
    "filtered": (losses.ESRLoss, losses.esr_loss, {"weighting": FIRFilter("highpass")}),
    "DCLoss": (losses.DCLoss, losses.dc_loss, {}),
    "LogCoshLoss": (losses.LogCoshLoss, losses.logcosh_loss, {"a": 2.0}),
    "SNRLoss": (losses.SNRLoss, losses.snr_loss, {"zero_mean": False}),
    "SISDRLoss": (losses.SISDRLoss, losses.si_sdr_loss, {"reduction": "none"}),
    "SDSDRLoss": (losses.SDSDRLoss, losses.sd_sdr_loss, {}),
    "STFTLoss": (losses.STFTLoss, losses.stft_loss, {"w_lin": 1.0, "window": "kaiser"}),
    "mel": (losses.STFTLoss, losses.stft_loss, {**SMALL, "scale": mel_scale(8000, 64, 8)}),
    "MultiResolutionSTFTLoss": (losses.MultiResolutionSTFTLoss, losses.mrstft_loss, {}),
    "PARALLEL_WAVEGAN": (
        losses.MultiResolutionSTFTLoss, losses.mrstft_loss, {**PARALLEL_WAVEGAN, "norm": "batch"}
    ),
    "lists, and a scale for each": (
        losses.MultiResolutionSTFTLoss, losses.mrstft_loss, {
            "hop_lengths": [16, 32], "win_lengths": [64, 128],
            "scale": [mel_scale(8000, n, 8) for n in (64, 128)],
        }
    ),
    "transport": (
        losses.MultiResolutionTransportLoss, losses.multi_resolution_transport_loss,
        {"fft_sizes": [64, 128], "hop_lengths": [16, 32], "window": "hann", "power": 2.0},
    ),
    "general": (
        losses.TimeFrequencyLoss, losses.time_frequency_loss,
        {"transform_fn": torch.sin, "loss_fn": [losses.esr_loss, losses.dc_loss],
         "weights": torch.tensor([0.3, 0.4])},
    ),
    "Smooth": (losses.SmoothMultiResolutionSTFTLoss, losses.smooth_mrstft_loss, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_the_functions(name):
    kind, function, settings = MODULES[name]
    module = kind(**settings)
    x, y = waves(2, 3, 4000, dtype=torch.float32)
    assert torch.allclose(module(x, y), function(x, y, **settings), rtol=1e-6)
    # tensors are buffers: they follow the module, and nothing is learnt
    assert not list(module.parameters())
    moved = module.to("meta")
    assert all(buffer.device.type == "meta" for buffer in moved.buffers())
    assert "window" not in settings or list(moved.buffers())


def test_modules_of_spectra_and_of_stereo():
    x, y = magnitudes(2, 9, 7)
    assert losses.SpectralConvergenceLoss()(x, y) == losses.spectral_convergence_loss(x, y)
    settings = {"factor": 2.0, "offset": 0.3, "reduction": "none"}
    expected = losses.log_magnitude_loss(x, y, **settings)
    assert torch.equal(losses.LogMagnitudeLoss(**settings)(x, y), expected)
    assert losses.ElementwiseLoss(metric="L2")(x, y) == losses.elementwise_loss(x, y, "L2")
    assert losses.PhaseLoss(eps=0.1)(x + 0j, y + 0j) == losses.phase_loss(x + 0j, y + 0j, eps=0.1)
    transport = losses.SpectralOptimalTransportLoss(p=1, positions=torch.arange(9.0))
    expected = losses.spectral_optimal_transport_loss(x, y, torch.arange(9.0), 1)
    assert transport(x, y) == expected
    assert [name for name, _ in transport.named_buffers()] == ["positions"]
    x, y = waves(3, 2, 4000, dtype=torch.float32)
    module = losses.SumDifferenceSTFTLoss(w_diff=0.5)
    assert torch.allclose(module(x, y), losses.sum_difference_stft_loss(x, y, w_diff=0.5))
    module = losses.SumDifferenceSTFTLoss(norm="batch")
    assert torch.allclose(module(x, y), losses.sum_difference_stft_loss(x, y, norm="batch"))
    module = losses.SumDifferenceSTFTLoss(**RESOLUTIONS, reduction="none")
    expected = losses.sum_difference_stft_loss(x, y, **RESOLUTIONS, reduction="none")
    assert torch.allclose(module(x, y), expected)
    settings = {"windows": ["hann", "ones"], "w_lin": 0.5}
    module = losses.RandomResolutionSTFTLoss(generator=torch.Generator().manual_seed(2), **settings)
    generator = torch.Generator().manual_seed(2)
    for _ in range(2):
        expected = losses.random_resolution_stft_loss(x, y, generator=generator, **settings)
        assert module(x, y) == expected


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", WAVE_LOSSES)
def test_compiles_in_one_piece(name):
    torch._dynamo.reset()
    x, y = waves(2, 400, dtype=torch.float32)
    compiled = torch.compile(WAVE_LOSSES[name], fullgraph=True, backend="aot_eager")
    x.requires_grad_()
    value = compiled(x, y)
    gradient = torch.autograd.grad(value, x)[0]
    expected = WAVE_LOSSES[name](x, y)
    assert torch.allclose(value, expected, rtol=1e-5)
    assert torch.allclose(gradient, torch.autograd.grad(expected, x)[0], atol=1e-6)


def test_as_an_objective():
    """L-BFGS on a multi-resolution loss of waveforms, each item by itself."""
    from torch_specinv import L_BFGS

    target = waves(2, 600)[0]
    loss = partial(losses.mrstft_loss, **RESOLUTIONS, reduction="none")
    start = target + 0.1 * waves(2, 600, seed=1)[0]
    found = L_BFGS(
        target, lambda wave: wave, init_x0=start, loss_fn=loss, outer_max_iter=30,
        verbose=False,
    )  # fmt: skip
    assert (loss(found, target) < 0.5 * loss(start, target)).all()


# -- bad input -----------------------------------------------------------------------------------

ONE = torch.ones(400)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.esr_loss(ONE, ONE[None]), r"x has shape \(400,\), y \(1, 400\)"),
        (lambda: losses.stft_loss(ONE, ONE[:399]), r"x has shape \(400,\), y \(399,\)"),
        (lambda: losses.snr_loss(ONE, ONE.double()), "x has dtype torch.float32, y torch.float64"),
        (lambda: losses.dc_loss(ONE, ONE.to("meta")), "x is on cpu, y on meta"),
        (lambda: losses.dc_loss(ONE.int(), ONE.int()), "int32: expected a floating"),
        (lambda: losses.esr_loss(ONE[:0], ONE[:0]), "holds no values"),
        (lambda: losses.esr_loss([1.0], ONE), "x is a list"),
        (lambda: losses.esr_loss(ONE, ONE, reduction="mena"), "Did you mean 'mean'"),
        (lambda: losses.logcosh_loss(ONE, ONE, a=0.0), "a=0.0: expected a positive"),
        (lambda: losses.elementwise_loss(ONE, ONE, "L3"), "metric='L3' is unknown"),
        (lambda: losses.stft_loss(ONE, ONE), "400 samples, too few for a window of 1024"),
        (lambda: losses.mrstft_loss(ONE, ONE), "400 samples, too few"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, window="han"), "Did you mean 'hann'"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, window=ONE), "larger than n_fft=64"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, floor=0.0), "the logarithm of silence"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, norm="batches"), "Did you mean 'batch'"),
        (lambda: losses.mrstft_loss(ONE, ONE, hop_lengths=(8, 16)), "2 hop_lengths"),
        (lambda: losses.sum_difference_stft_loss(ONE[None], ONE[None]), "expected two channels"),
        (lambda: losses.log_magnitude_loss(ONE[None], ONE[None], offset=0.0), "offset=0.0"),
        (lambda: losses.phase_loss(ONE[None], ONE[None]), "a phase is that of complex spectra"),
        (
            lambda: losses.spectral_optimal_transport_loss(ONE[None], ONE[None], ONE),
            r"positions has shape \(400,\): expected \(1,\)",
        ),
        (lambda: losses.spectral_optimal_transport_loss(ONE[None], ONE[None], p=0), "p=0"),
        (
            lambda: losses.random_resolution_stft_loss(ONE[:8], ONE[:8]),
            "8 samples, too few for the smallest n_fft, 16",
        ),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, min_hop=0.0),
            "leaves nothing to draw from",
        ),
        (
            lambda: losses.time_frequency_loss(
                ONE, ONE, torch.sin, [losses.esr_loss], weights=[1, 2]
            ),
            "1 losses, 1 scales, 2 weights",
        ),
        (lambda: losses.time_frequency_loss(ONE, ONE, 3, losses.esr_loss), "transform_fn has 3"),
        (lambda: losses.esr_loss(ONE + 0j, ONE + 0j), "complex64: expected real numbers"),
        (lambda: losses.esr_loss(ONE[None][:0], ONE[None][:0]), "holds no values"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, log_eps=-1.0), "log_eps=-1.0"),
        (lambda: losses.stft_loss(ONE, ONE, **SMALL, scale=torch.ones(3, 9)), "with 33 bins"),
        (
            lambda: losses.stft_loss(ONE, ONE, n_fft=512, win_length=420),
            "400 samples, too few for a window of 420",
        ),
        (lambda: losses.mrstft_loss(ONE, ONE, **RESOLUTIONS, scale=[ONE]), "1 scales for 2"),
        (lambda: losses.elementwise_loss(ONE, ONE, dims=0), "dims=0"),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, min_n_fft=17, max_n_fft=20),
            "leaves nothing to draw from",
        ),
        (
            lambda: losses.random_resolution_stft_loss(ONE, ONE, windows=["hann", "han"]),
            "windows='han' is unknown",
        ),
        (
            lambda: losses.time_frequency_loss(ONE, ONE[None], torch.sin, losses.esr_loss),
            "x has shape",
        ),
        (
            lambda: losses.time_frequency_loss(ONE, ONE, torch.sin, losses.esr_loss, weights=1.0),
            "weights=1.0",
        ),
        (lambda: losses.time_frequency_loss(ONE, ONE, torch.sin, None), "loss_fn is None"),
        (lambda: FIRFilter()(ONE.int()), "expected floating numbers"),
        (lambda: FIRFilter("a_weigthing"), "Did you mean 'a_weighting'"),
        (lambda: FIRFilter("a_weighting", taps=100), "taps=100: expected an odd number"),
        (lambda: FIRFilter("highpass", taps=101), "fixed number"),
        (lambda: losses.STFTLoss(hop=3), "Did you mean 'hop_length'"),
        (lambda: losses.STFTLoss(log_dist="l1"), "Did you mean 'L1'"),
        (lambda: losses.MultiResolutionSTFTLoss(window="flat"), "window='flat' is unknown"),
    ],
)
def test_errors(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_nan_passes_through_or_is_found():
    x = ONE.clone()
    x[3] = math.nan
    assert torch.isnan(losses.stft_loss(x, ONE, **SMALL))
    for name, pair in (("x", (x, ONE)), ("y", (ONE, x))):
        with (
            pytest.warns(UserWarning, match="Anomaly Detection"),
            torch.autograd.detect_anomaly(check_nan=False),
            pytest.raises(SpecInvError, match=f"{name} holds NaN"),
        ):
            losses.stft_loss(*pair, **SMALL)
