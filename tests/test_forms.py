"""Arrays of numpy, lists and rare dtypes are taken wherever a tensor is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann
from tests.forms_cases import CALLS, QUIET, RUN, SPEC, transform
from torch_specinv import (
    ADMM,
    L_BFGS,
    STFT,
    SpecInvError,
    griffin_lim,
    invert,
    losses,
    mel_to_audio,
    phase_init,
)
from torch_specinv.mel import MelSpec
from torch_specinv.tensors import any_tensor, as_tensor
from torch_specinv.transform.windows import frame_bounds


class Subclass(torch.Tensor):
    """A tensor of another package."""


def foreign(array):
    """The same numbers in forms that torch.from_numpy refuses."""
    yield array[..., ::-1].copy()[..., ::-1]
    yield array.astype(array.dtype.newbyteorder(">"))
    frozen = array.copy()
    frozen.flags.writeable = False
    yield frozen
    record = np.zeros(array.shape, dtype=[("a", "i1"), ("b", array.dtype)])
    record["b"] = array
    yield record["b"]


@pytest.mark.parametrize("name", CALLS)
def test_an_array_gives_what_its_tensor_gives(name):
    before = SPEC.clone()
    expected = CALLS[name](SPEC)
    assert torch.equal(CALLS[name](SPEC.numpy()), expected)
    assert torch.equal(SPEC, before)  # nothing is written into what was given
    for array in foreign(SPEC.numpy()):
        assert torch.equal(CALLS[name](array), expected)


@pytest.mark.parametrize("name", ["griffin_lim", "phase_init", "L_BFGS", "STFT.of", "metric"])
def test_the_dtype_is_that_of_the_array(name):
    spec = SPEC.double()
    found = CALLS[name](spec.numpy())
    assert found.dtype == CALLS[name](spec).dtype
    assert found.dtype in (torch.float64, torch.complex128)


def test_lists_have_the_default_dtype():
    expected = griffin_lim(SPEC, **RUN)
    for form in (SPEC.tolist(), tuple(SPEC.tolist()), list(SPEC), list(SPEC.numpy())):
        assert torch.equal(griffin_lim(form, **RUN), expected)
    whole = (9 * SPEC).round()
    found = griffin_lim(whole.int().tolist(), **RUN)
    assert torch.equal(found, griffin_lim(whole, **RUN))
    assert as_tensor([np.float64(1), 2.0], "x").dtype == torch.float64
    assert as_tensor([1 + 2j], "x").dtype == torch.complex64
    assert any_tensor([1, 2], "x").dtype == torch.int64
    spec = SPEC.clone().requires_grad_()
    stacked = as_tensor([spec[0], spec[1]], "x")
    stacked.sum().backward()
    assert torch.equal(spec.grad, torch.ones_like(SPEC))


def test_memory_is_shared_where_torch_can():
    array = np.ones(4)
    assert as_tensor(array, "x").data_ptr() == array.ctypes.data
    tensor = torch.ones(4)
    assert as_tensor(tensor, "x") is tensor
    assert as_tensor(np.ones(3, np.longdouble), "x").dtype == torch.float64


def test_the_other_arguments_may_be_arrays():
    expected = griffin_lim(SPEC, **RUN, init=torch.zeros(SPEC.shape), lengths=[300, 200])
    given = {"init": np.zeros(SPEC.shape, ">f8"), "window": np.asarray(RUN["window"])}
    for lengths in (np.array([300, 200]), np.array([200, 300], ">i4")[::-1], (300, 200)):
        found = griffin_lim(SPEC, **{**RUN, **given, "lengths": lengths})
        assert torch.equal(found, expected)
    bank = torch.rand(10, 33, generator=torch.Generator().manual_seed(1))
    rows = SPEC[:, :10]
    assert torch.equal(
        griffin_lim(rows, mel=bank.numpy(), **RUN), griffin_lim(rows, mel=bank, **RUN)
    )
    start = {"init_x0": torch.ones(2, 304), **QUIET}
    expected = L_BFGS(SPEC, transform, **start)
    assert torch.equal(L_BFGS(SPEC, transform, **{**start, "init_x0": np.ones((2, 304))}), expected)
    assert frame_bounds(np.ones(8), 4) == (2.0, 2.0)
    mel = MelSpec(22050, log="ln", clamp=1e-5)
    sizes = {"n_fft": 1024, "lengths": np.array([1800, 900]), "verbose": False, "window": "hann"}
    waves = invert(-np.random.default_rng(0).random((2, 80, 8)), mel=mel, max_iter=1, **sizes).wave
    assert waves.dtype == torch.float64
    assert not waves[1, 900:].any()
    wide = torch.rand(2, 80, 6, generator=torch.Generator().manual_seed(2))
    hifigan = {"preset": "hifigan", "max_iter": 1, "verbose": False}
    assert torch.equal(
        mel_to_audio(-wide.numpy(), lengths=np.array([1536, 600]), **hifigan),
        mel_to_audio(-wide, lengths=[1536, 600], **hifigan),
    )


def test_the_matrix_of_a_loss_may_be_an_array():
    x, y = torch.randn(2, 2, 3000, generator=torch.Generator().manual_seed(0))
    scale = losses.mel_scale(16000, 512, 40)
    expected = losses.stft_loss(x, y, n_fft=512, scale=scale)
    assert torch.equal(losses.stft_loss(x, y, n_fft=512, scale=scale.numpy()), expected)
    assert torch.equal(losses.STFTLoss(n_fft=512, scale=scale.numpy())(x, y), expected)
    spectra = SPEC, SPEC**2
    places = torch.arange(33) / 33
    assert torch.equal(
        losses.spectral_optimal_transport_loss(*spectra, places.numpy()),
        losses.spectral_optimal_transport_loss(*spectra, places),
    )


def test_a_run_goes_on_with_the_array_of_the_tensor():
    bank = torch.rand(10, 33, generator=torch.Generator().manual_seed(1))
    first = invert(SPEC[:, :10], "griffin_lim", mel=bank, **RUN)
    more = invert(SPEC[:, :10].numpy(), "griffin_lim", mel=bank.numpy(), resume=first, **RUN)
    whole = invert(SPEC[:, :10], "griffin_lim", mel=bank, **{**RUN, "max_iter": 6})
    assert torch.equal(more.wave, whole.wave)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("name", ["griffin_lim", "RTISI_LA", "L_BFGS", "mel_to_audio", "online"])
def test_eight_bits_are_read_as_float32(name, dtype):
    spec = SPEC.to(dtype)
    found = CALLS[name](spec)
    assert found.dtype == torch.float32
    assert torch.equal(found, CALLS[name](spec.float()))


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_complex_numbers_of_half_precision():
    spec = torch.polar(SPEC, 6 * SPEC).to(torch.complex32)
    single = spec.to(torch.complex64)
    for call in (griffin_lim, ADMM):
        wave = call(spec, **RUN)
        assert wave.dtype == torch.float16
        assert torch.equal(wave, call(single, **RUN).half())
    assert torch.equal(griffin_lim(SPEC, init=spec, **RUN), griffin_lim(SPEC, init=single, **RUN))
    assert torch.equal(phase_init(spec, window="hann"), phase_init(single, window="hann"))


def test_a_subclass_is_a_tensor():
    expected = griffin_lim(SPEC, **RUN)
    assert torch.equal(griffin_lim(SPEC.as_subclass(Subclass), **RUN), expected)
    # with a gradient the start is made by torch, which rounds otherwise
    wave = griffin_lim(torch.nn.Parameter(SPEC.clone()), **RUN)
    torch.testing.assert_close(wave.detach(), expected)


def test_arrays_of_other_packages():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return SPEC.numpy()

    assert torch.equal(griffin_lim(Foreign(), **RUN), griffin_lim(SPEC, **RUN))

    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("on another device")

    with pytest.raises(SpecInvError, match="Broken that numpy cannot read: on another device"):
        griffin_lim(Broken(), **RUN)


def test_a_window_as_an_array_is_one_of_double_precision():
    window = np.hanning(65)[:-1]
    stft = STFT.of(SPEC.double().numpy(), window=window)
    np.testing.assert_array_equal(stft.geometry.window.numpy(), window)
    torch.testing.assert_close(stft.geometry.window, hann(64), rtol=0, atol=1e-15)
