"""What is no array of numbers is one clear error, which names the argument and the cure."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.forms_cases import CALLS, QUIET, RUN, SPEC, transform
from torch_specinv import L_BFGS, SpecInvError, griffin_lim, losses, mel_to_audio, metrics


def _unusual():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these are about to leave torch
        masked = torch.masked.masked_tensor(SPEC, SPEC > 0)
        quantised = torch.quantize_per_tensor(SPEC, 0.1, 0, torch.quint8)
        sparse = SPEC[0].to_sparse_csr()
        nested = torch.nested.nested_tensor([SPEC[0], SPEC[1, :, :5]])
    packed = torch.zeros(33, 20, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    return {
        "masked": (masked, r"is masked: pass \w+\.to_tensor\(0\)"),
        "quantised": (quantised, r"is quantised: pass \w+\.dequantize\(\)"),
        "sparse": (SPEC.to_sparse(), r"torch\.sparse_coo: pass \w+\.to_dense\(\)"),
        "rows": (sparse, r"torch\.sparse_csr: pass \w+\.to_dense\(\)"),
        "nested": (nested, r"is nested: pass torch\.nested\.to_padded_tensor"),
        "packed": (packed, r"float4_e2m1fn_x2, which torch cannot convert"),
        "bool": (SPEC > 0.5, r"torch\.bool.*\.float\(\).*\.astype\(float\)"),
        "int": (SPEC.int(), r"torch\.int32"),
        "int array": (SPEC.int().numpy(), r"torch\.int32"),
        "bools": ((SPEC > 0.5).tolist(), r"torch\.bool"),
        "ragged": ([[1.0, 2.0], [1.0]], r"nested list that is no array: are its rows equally"),
        "ragged tensors": ([SPEC[0], SPEC[0, :, :5]], r"list of tensors that differ in shape"),
        "masked array": (np.ma.masked_array(SPEC.numpy()), r"masked array: pass \w+\.filled"),
        "objects": (np.array([None, 1]), r"dtype object: expected numbers"),
        "fields": (np.zeros(3, [("a", "f4")]), r"expected numbers.*fields"),
        "times": (np.zeros((3, 3), "M8[s]"), r"datetime64\[s\]: expected numbers"),
        "words": ([["a", "b"]], r"expected numbers\. Text"),
        "huge": ([[10**400]], r"expected numbers|no array"),
        "none": (None, r"is a NoneType: expected a torch\.Tensor, a numpy array"),
        "a name": ("spec.npy", r"is a str: .*numpy\.load"),
        "a dict": ({"mag": SPEC}, r"is a dict: .*entries: 'mag'"),
        "empty": ([], r"\(0,\)"),
        "empty rows": ([[]], r"\(1, 0\)"),
        "meta": (SPEC.to("meta"), r"on the device meta: .*no values"),
    }


UNUSUAL = _unusual()

TAKE_ANY = {
    "griffin_lim": CALLS["griffin_lim"],
    "phase_init": CALLS["phase_init"],
    "mel_to_audio": lambda s: mel_to_audio(s, 16000, n_fft=64, **RUN),
    "L_BFGS": lambda s: L_BFGS(s, transform, (2, 304), **QUIET),
    "nn": CALLS["nn.GriffinLim"],
}


@pytest.mark.parametrize("name", TAKE_ANY)
@pytest.mark.parametrize("case", UNUSUAL)
def test_anything_else_is_one_clear_error(name, case):
    value, message = UNUSUAL[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of what is about to leave it
        with pytest.raises(
            SpecInvError, match=r"mel has shape|spec has shape|" + message
        ) as caught:
            TAKE_ANY[name](value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("case", ["ragged", "sparse", "a dict", "int array", "objects"])
def test_other_arguments_say_their_names(case):
    value, message = UNUSUAL[case]
    for name, call in (
        ("init", lambda: griffin_lim(SPEC, **RUN, init=value)),
        ("mel", lambda: griffin_lim(SPEC, **RUN, mel=value)),
        ("x", lambda: losses.esr_loss(value, SPEC)),
        ("y", lambda: losses.esr_loss(SPEC, value)),
        ("input", lambda: metrics.sc(value, SPEC)),
        ("init_x0", lambda: L_BFGS(SPEC, transform, init_x0=value, **QUIET)),
    ):
        with pytest.raises(SpecInvError, match=f"^{name} .*{message}"):
            call()
    if case != "a dict":
        with pytest.raises(SpecInvError, match=f"^window .*(?:{message}|has shape)"):
            griffin_lim(SPEC, **{**RUN, "window": value})


def test_lengths_are_whole_numbers():
    for lengths in ([300.0, 200.0], np.array([300.0, 200.0])):
        with pytest.raises(SpecInvError, match=r"lengths has dtype .*whole numbers of samples"):
            griffin_lim(SPEC, **RUN, lengths=lengths)
    with pytest.raises(SpecInvError, match="lengths is a str"):
        griffin_lim(SPEC, **RUN, lengths="ab")
