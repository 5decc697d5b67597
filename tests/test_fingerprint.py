"""Two problems have one fingerprint exactly if nothing that matters is different."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv.algorithms import ADMM, RAAR
from torch_specinv.transform.fingerprint import as_json, differing, fingerprint, settings_of
from torch_specinv.transform.stft import STFT

GEOMETRY = STFT.of_wave(torch.zeros(1, 400), n_fft=64, window=hann(64)).geometry
SPEC = torch.arange(6.0).reshape(2, 3)


def of(geometry=GEOMETRY, algorithm=None, **about):
    about = {"algorithm": settings_of(algorithm or ADMM()), "spec": SPEC, "sr": 8000, **about}
    return fingerprint(geometry, **about)


CHANGES = [
    (of(dataclasses.replace(GEOMETRY, hop_length=8)), ["geometry"]),
    (of(dataclasses.replace(GEOMETRY, window=hann(64).roll(1))), ["window"]),
    (of(None), ["geometry", "window"]),
    (of(algorithm=ADMM(rho=0.2)), ["algorithm.rho"]),
    (of(algorithm=ADMM(rho=torch.tensor(0.1))), ["algorithm.rho"]),
    (of(algorithm=RAAR()), ["algorithm.class", "algorithm.relaxation", "algorithm.rho"]),
    (of(spec=SPEC + 1), ["spec"]),
    (of(spec=SPEC.double()), ["spec"]),
    (of(spec=SPEC.reshape(3, 2)), ["spec"]),
    (of(sr=8000.0), ["sr"]),
    (of(sr=None, more=1), ["more", "sr"]),
]


@pytest.mark.parametrize(("other", "names"), CHANGES)
def test_what_differs_is_named(other, names):
    """In memory, and as text that was written to a file."""
    assert differing(of(), other) == differing(other, of()) == names
    assert differing(json.loads(as_json(of())), json.loads(as_json(other))) == names


def test_equal_values_are_the_same():
    unknown = SPEC.clone()
    unknown[0, 1] = torch.nan
    for spec in (SPEC, unknown, SPEC * 1j, (SPEC * 1j).conj(), SPEC.mT, SPEC.bfloat16()):
        assert differing(of(spec=spec), of(spec=spec.clone())) == []
        assert as_json(of(spec=spec)) == as_json(of(spec=spec.clone()))


def test_long_arrays_are_compared_whole():
    """The text of an array leaves out its middle, and digits beyond the eighth."""
    values = np.linspace(0, 1, 2000)
    close = values.copy()
    close[1000] += 1e-12
    same, other = of(values=values), of(values=close)
    assert differing(same, other) == ["values"]
    assert differing(json.loads(as_json(same)), json.loads(as_json(other))) == ["values"]
    assert differing(same, of(values=values.copy())) == []
    assert as_json(same) == as_json(of(values=values.copy()))
    assert differing(same, of(values=values.astype("f4"))) == ["values"]


def test_no_graph_is_kept():
    rho = torch.tensor(0.1, requires_grad=True)
    kept = of(algorithm=ADMM(rho), spec=SPEC * rho)
    assert not kept["algorithm.rho"].requires_grad
    assert not kept["spec"].requires_grad
