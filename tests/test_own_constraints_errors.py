"""What does not fit a constraint of one's own is named."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests.conftest import hann
from tests.constraint_cases import RUN, TAKES_NEAREST_POINTS_ONLY, Confident, some_phases, spectra
from torch_specinv import Constraint, SpecInvError, griffin_lim, invert
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import ENGINES


def test_the_native_engine_names_the_constraint(known_phase, speech):
    if ENGINES["native"].missing():
        pytest.skip("the native engine was not built")
    c = spectra(speech.float())
    run = {**RUN, "window": hann(256, torch.float32), "backend": "native"}
    griffin_lim(c.abs(), 5, **run)
    with pytest.raises(SpecInvError, match="it takes magnitudes and bands, not KnownPhase"):
        griffin_lim(c.abs(), 5, constraint=some_phases(known_phase, c), **run)


@pytest.mark.parametrize("name", sorted(TAKES_NEAREST_POINTS_ONLY))
def test_others_refuse(speech, known_phase, name):
    c = spectra(speech)
    with pytest.raises(SpecInvError, match=f"{name} takes (linear magnitudes|constraints with)"):
        invert(c.abs(), name, constraint=some_phases(known_phase, c), **RUN)


class NoDataclass(Constraint):
    def __init__(self, target):
        self.target = target

    def project(self, spectrum):
        return spectrum


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (lambda kind: 3, r"constraint is a int: expected a function of what was observed"),
        (lambda kind: lambda target: target, r"constraint made a Tensor: expected a dataclass"),
        (lambda kind: lambda target: None, r"constraint made a NoneType: expected a dataclass"),
        (lambda kind: NoDataclass, r"constraint made a NoDataclass: expected a dataclass"),
        (
            lambda kind: partial(Confident, weight=torch.ones(129, 33).numpy()),
            r"Confident\.weight is a ndarray: expected a torch\.Tensor",
        ),
        (lambda kind: partial(Confident, weight=2.0), r"Confident\.weight is a float"),
        (
            lambda kind: partial(Confident, weight=torch.ones(129, 32)),
            r"Confident\.weight has shape \(129, 32\) on cpu: expected \(\.\.\., rows, 33\) on cpu",
        ),
        (lambda kind: partial(Confident, weight=torch.ones(33)), r"Confident\.weight has shape"),
        (
            lambda kind: partial(Confident, weight=torch.ones(129, 33, device="meta")),
            r"Confident\.weight has shape \(129, 33\) on meta: expected .* on cpu",
        ),
        (
            lambda kind: partial(Confident, weight=torch.ones(3, 129, 33)),
            r"Confident\.weight has 3 items, spec 2: expected one for each, or one for all",
        ),
        (
            lambda kind: partial(kind, phase=torch.ones(128, 33), known=torch.ones(129, 33) > 0),
            r"phase has shape \(128, 33\): expected 129 bins",
        ),
        (
            lambda kind: partial(kind, phase=torch.ones(129, 33), known=torch.ones(33) > 0),
            r"known has shape \(33,\): expected 129 bins",
        ),
        (
            lambda kind: partial(kind, phase=torch.ones(129, 33), known=torch.ones(129, 33)),
            r"known: expected a bool tensor",
        ),
        (
            lambda kind: partial(kind, phase=[1.0], known=torch.ones(129, 33) > 0),
            r"KnownPhase\.phase is a list: expected a torch\.Tensor",
        ),
    ],
)
def test_what_does_not_fit_is_named(known_phase, constraint, message):
    with pytest.raises(SpecInvError, match=message):
        invert(torch.ones(2, 129, 33), "griffin_lim", constraint=constraint(known_phase), **RUN)


def test_both_kinds_of_constraint_are_refused():
    with pytest.raises(SpecInvError, match="constraint and mel are both given"):
        invert(torch.ones(129, 33), constraint=Magnitude, mel=torch.eye(129), n_fft=256)
