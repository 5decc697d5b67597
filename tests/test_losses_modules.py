"""Losses as modules: what they compute, keep, show and refuse is what their functions say."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest
import torch

from tests.losses_cases import RESOLUTIONS, SMALL, magnitudes, waves
from torch_specinv import SpecInvError, losses
from torch_specinv.losses import PARALLEL_WAVEGAN, FIRFilter, mel_scale
from torch_specinv.losses.module import LossModule, module_of
from torch_specinv.losses.resolutions import MultiResolutionKeywords
from torch_specinv.losses.terms import TermKeywords, Terms

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


#: Every public module, and every public function that is one
KINDS = [
    kind
    for kind in (getattr(losses, name) for name in losses.__all__)
    if isinstance(kind, type) and issubclass(kind, LossModule)
]
FUNCTIONS = [getattr(losses, name) for name in losses.__all__ if name.endswith("_loss")]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


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


def test_every_function_has_its_module():
    assert sorted(kind.function.__name__ for kind in KINDS) == sorted(f.__name__ for f in FUNCTIONS)
    assert all(getattr(losses, kind.function.__name__) is kind.function for kind in KINDS)


@each_kind
def test_a_module_takes_what_its_function_takes(kind):
    _, _, *expected = inspect.signature(kind.function).parameters.values()
    assert list(inspect.signature(kind).parameters.values()) == expected
    assert all(p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in expected)


@each_kind
def test_the_docstring_of_a_module_is_that_of_its_function(kind):
    function, module = inspect.getdoc(kind.function), inspect.getdoc(kind)
    lead, rest = function.split("\n\nParameters\n")
    assert module.startswith(f":func:`{kind.function.__name__}` as a module")
    assert lead in module
    parameters = rest.split("\n\nReturns\n")[0].splitlines()[1:]
    begin = next(i for i, line in enumerate(parameters[1:], 1) if not line.startswith(" "))
    assert parameters[0].startswith("x, y : ")
    assert "\n".join(parameters[begin:]) in module
    assert "x, y : " not in module
    for title in ("Raises", "References"):
        section = re.search(rf"^{title}\n-+\n(?:.+\n)+", function, re.MULTILINE)
        assert section is None or section[0] in module
    assert f">>> {kind.__name__}" in module.replace("loss = ", "").replace("bool(", "")


@pytest.mark.parametrize("public", [*FUNCTIONS, *KINDS], ids=lambda public: public.__name__)
def test_docstrings_are_complete(public):
    text = inspect.getdoc(public)
    titles = re.findall(r"^(\w+)\n-+$", text, re.MULTILINE)
    expected = ["Parameters", "Returns", "Raises", "References", "Examples"]
    if isinstance(public, type):
        expected.remove("Returns")
    assert [title for title in expected if title in titles or title != "References"] == titles
    # no part has been forgotten, and every keyword is there
    assert not re.search(r"^ *\{\w+\}$", text, re.MULTILINE)
    entries = re.findall(r"^([\w, ]+)(?: : .+)?$", text.split("Parameters\n")[1], re.MULTILINE)
    named = {name for entry in entries for name in entry.split(", ")}
    assert named >= inspect.signature(public).parameters.keys()


def test_defaults_in_docstrings_are_those_of_the_signature():
    text = inspect.getdoc(losses.SmoothMultiResolutionSTFTLoss)
    assert "(32, 63, 128, 254, 510, 1026) and (67, 127, 257, 509, 1021, 2053)" in text
    assert 'window : str, float, tuple of str and float, or a sequence, default "flattop"' in text
    assert 'log_dist, lin_dist : str, default "L2" and "L1"' in text
    assert "default 0.0, 1.0, 1.0 and 0.0" in inspect.getdoc(losses.mrstft_loss)
    assert "default 1.0, 1.0, 0.0 and 0.0" in inspect.getdoc(losses.stft_loss)


def test_keywords_that_are_passed_on_are_all_of_them():
    assert (
        TermKeywords.__annotations__.keys() | {"scale"}
        == inspect.signature(Terms).parameters.keys()
    )
    own = inspect.signature(losses.mrstft_loss).parameters.keys() - {"x", "y", "reduction"}
    assert MultiResolutionKeywords.__annotations__.keys() == own
    for name, preset in (
        ("smooth_mrstft_loss", losses.resolutions.SMOOTH),
        ("sum_difference_stft_loss", PARALLEL_WAVEGAN),
    ):
        shown = inspect.signature(getattr(losses, name)).parameters
        for keyword in own:
            default = inspect.signature(losses.mrstft_loss).parameters[keyword].default
            assert shown[keyword].default == preset.get(keyword, default)


@each_kind
def test_a_misspelt_setting_is_refused_at_construction(kind):
    for name in inspect.signature(kind).parameters:
        with pytest.raises(SpecInvError, match=rf"'{name}_'\. Did you mean '{name}'"):
            kind(**{f"{name}_": 1})


@pytest.mark.parametrize(
    "name", ["stft_loss", "mrstft_loss", "smooth_mrstft_loss", "sum_difference_stft_loss"]
)
def test_a_misspelt_keyword_is_refused_where_keywords_are_passed_on(name):
    x, y = waves(2, 4000)
    with pytest.raises(SpecInvError, match=r"'w_logg'\. Did you mean 'w_log'"):
        getattr(losses, name)(x, y, w_logg=1.0)


def test_settings_may_be_given_as_the_function_takes_them():
    x, y = magnitudes(9, 7)
    assert losses.ElementwiseLoss("L2")(x, y) == losses.elementwise_loss(x, y, "L2")
    assert repr(losses.ElementwiseLoss("L2", dims=1)) == "ElementwiseLoss(metric='L2', dims=1)"
    with pytest.raises(SpecInvError, match="ESRLoss has too many positional arguments"):
        losses.ESRLoss(1e-8)
    with pytest.raises(SpecInvError, match="missing a required argument: 'transform_fn'"):
        losses.TimeFrequencyLoss(loss_fn=losses.esr_loss)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (losses.SISDRLoss(), []),
        (losses.ESRLoss(weighting=FIRFilter()), ["weighting.taps"]),
        (losses.STFTLoss(n_fft=64, scale=mel_scale(8000, 64, 8)), ["scale", "window"]),
        (losses.MultiResolutionSTFTLoss(**PARALLEL_WAVEGAN), [f"window_{i}" for i in range(3)]),
        (
            losses.MultiResolutionSTFTLoss(**MODULES["lists, and a scale for each"][2]),
            ["scale_0", "scale_1", "window_0", "window_1"],
        ),
        (losses.SmoothMultiResolutionSTFTLoss(), [f"window_{i}" for i in range(6)]),
        (losses.SumDifferenceSTFTLoss(w_diff=0.5), [f"window_{i}" for i in range(3)]),
        (losses.MultiResolutionTransportLoss(), [f"window_{i}" for i in range(3)]),
        (losses.SpectralOptimalTransportLoss(torch.arange(9.0)), ["positions"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_module_keeps(module, names):
    """Under names that files of weights hold; copies and pickles are the same."""
    assert sorted(module.state_dict()) == names
    pair = magnitudes(9, 7) if names == ["positions"] else waves(2, 4000)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(other) is type(module)
        assert repr(other) == repr(module)
        assert torch.equal(other(*pair), module(*pair))
        other.load_state_dict(module.state_dict())


def test_a_module_can_be_derived_from():
    class Scaled(losses.STFTLoss):
        """A docstring of its own."""

        def __init__(self, factor):
            super().__init__(**SMALL)
            self.factor = factor

        def forward(self, x, y):
            return self.factor * super().forward(x, y)

    x, y = waves(2, 400, dtype=torch.float32)
    assert torch.equal(Scaled(2.0)(x, y), 2 * losses.stft_loss(x, y, **SMALL))
    assert Scaled.__doc__ == "A docstring of its own."
    assert issubclass(losses.SmoothMultiResolutionSTFTLoss, losses.MultiResolutionSTFTLoss)


def test_a_module_of_a_function_with_hardly_a_docstring():
    def worst(x, y, scale=1.0):
        """Largest difference."""
        return scale * (x - y).abs().max()

    class Worst(module_of(worst)):
        """As a module."""

    assert inspect.getdoc(Worst) == "As a module.\n\nLargest difference."
    assert Worst(2.0)(torch.zeros(3), torch.ones(3)) == 2
