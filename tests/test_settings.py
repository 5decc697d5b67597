"""The common keywords stand in one list, which functions, modules and command line follow."""

from __future__ import annotations

import inspect

import pytest
import torch

import torch_specinv
from tests.conftest import hann
from torch_specinv import SpecInvError, nn
from torch_specinv.cli.parser import make_parser
from torch_specinv.inversion.settings import DEFAULTS, TEXTS, Common, flags
from torch_specinv.transform.geometry import STFT_KEYWORDS

CLASSIC = ("griffin_lim", "ADMM", "RTISI_LA")
MODULES = {
    "GriffinLim": "griffin_lim", "ADMM": "ADMM", "RTISILA": "RTISI_LA", "PhaseInit": "phase_init",
    "MelToAudio": "mel_to_audio", "LBFGS": "L_BFGS",
}  # fmt: skip
# What is given with each spectrogram
AT_CALL = {"spec", "mel", "init_x0", "lengths", "generator", "verbose"}
COMMON = {name for name in DEFAULTS if name in Common.__annotations__}


def parameters(function):
    return inspect.signature(function).parameters


def test_every_keyword_has_its_text_and_its_type():
    assert TEXTS.keys() == {*DEFAULTS, "stft"}
    assert set(Common.__annotations__) >= COMMON | STFT_KEYWORDS
    others = {"max_iter", "tol", "eva_iter", "metric", "verbose", "resume", "transforms"}
    assert COMMON | others == set(DEFAULTS)


def test_invert_has_all_of_them():
    shown = parameters(torch_specinv.invert)
    assert {name: shown[name].default for name in DEFAULTS} == DEFAULTS
    assert shown.keys() >= STFT_KEYWORDS
    for name in DEFAULTS:
        assert f"    {name} : " in torch_specinv.invert.__doc__


@pytest.mark.parametrize("name", CLASSIC)
def test_the_functions_have_the_common_ones(name):
    function = getattr(torch_specinv, name)
    shown = parameters(function)
    assert shown.keys() >= COMMON | STFT_KEYWORDS
    assert all(shown[keyword].default == DEFAULTS[keyword] for keyword in COMMON)
    for keyword in COMMON:
        assert f"    {keyword} : " in function.__doc__
    with pytest.raises(SpecInvError, match=r"'hop_lenght'.* Did you mean 'hop_length'"):
        function(torch.rand(33, 9), window=hann(64), hop_lenght=16)
    with pytest.raises(SpecInvError, match="unknown keyword 'resume'"):
        function(torch.rand(33, 9), window=hann(64), resume=None)  # of invert alone


def test_positional_order():
    """As the original package documents it."""
    orders = {
        "griffin_lim": "spec max_iter tol alpha verbose eva_iter metric",
        "ADMM": "spec max_iter tol rho verbose eva_iter metric",
        "RTISI_LA": "spec look_ahead asymmetric_window max_iter alpha verbose",
        "L_BFGS": "spec transform_fn samples init_x0 outer_max_iter tol verbose eva_iter metric",
        "invert": "spec algorithm",
        "mel_to_audio": "mel sr",
        "phase_init": "spec",
    }
    for name, order in orders.items():
        shown = parameters(getattr(torch_specinv, name)).values()
        assert [p.name for p in shown if p.kind is p.POSITIONAL_OR_KEYWORD] == order.split()


@pytest.mark.parametrize("name", MODULES)
def test_modules_take_what_their_functions_take(name):
    module, function = getattr(nn, name), getattr(torch_specinv, MODULES[name])
    own, others = parameters(module), dict(parameters(function))
    first = next(iter(others))
    expected = {k: p for k, p in others.items() if k not in AT_CALL - {"mel"} and k != first}
    kinds = {k: p.replace(kind=own[k].kind) for k, p in expected.items()}
    assert own == kinds
    keywords = {"transform_fn": torch.abs} if name == "LBFGS" else {}
    with pytest.raises(SpecInvError, match="unknown keyword 'max_itre'"):
        module(**keywords, max_itre=3)
    with pytest.raises(SpecInvError, match="too many positional arguments"):
        module(*range(40))
    with pytest.raises(SpecInvError, match="multiple values"):
        module(torch.abs, **{next(iter(own)): 3})


def test_modules_that_take_by_position():
    assert nn.PhaseInit("pghi", window=hann(64)).method == "pghi"
    assert nn.ADMM(3, 0, 0.5).rho == 0.5
    assert nn.RTISILA(2, True, 3, 0.5).asymmetric_window is True
    assert nn.MelToAudio(16000).sr == 16000


def test_modules_keep_every_setting():
    seen = []
    spec = torch.rand(2, 33, 20)
    window = hann(64, torch.float32)
    module = nn.GriffinLim(
        12, tol=0, eva_iter=3, metric="ser", backend="torch", window=window,
        callback=lambda report: seen.append((report.iteration, *report.metrics)),
    )  # fmt: skip
    module(spec)
    assert seen == [(n, "ser") for n in (3, 6, 9, 12)]
    learnt = torch.nn.Parameter(torch.tensor(0.9))
    module.alpha = learnt
    assert dict(module.named_parameters()) == {"alpha": learnt}


def test_the_command_line_has_those_that_are_plain():
    parser = make_parser()
    defaults = parser.get_defaults()
    assert defaults is not None
    subcommands = parser._subcommands_action.choices
    options = {action.dest for action in subcommands["invert"]._actions}
    assert flags().keys() == {
        "init", "max_iter", "tol", "eva_iter", "metric", "length", "backend", "preset",
    }  # fmt: skip
    assert options >= flags().keys()
    chosen = subcommands["invert"].get_defaults()
    for name in flags():
        assert chosen[name] == (None if name == "max_iter" else DEFAULTS[name])
    long = subcommands["invert-long"]
    assert {"init", "max_iter", "backend", "length"} <= {action.dest for action in long._actions}


def test_a_preset_has_as_many_iterations_as_the_function():
    from torch_specinv.methods.mel_to_audio import MAX_ITER

    assert parameters(torch_specinv.mel_to_audio)["max_iter"].default == MAX_ITER
    help_text = make_parser()._subcommands_action.choices["invert"].format_help()
    said = " ".join(help_text.split())
    assert f"default: {DEFAULTS['max_iter']}, or {MAX_ITER} for mel spectrograms" in said


def test_the_entry_reads_in_a_few_lines():
    """What a newcomer reads first."""
    source, _ = inspect.getsourcelines(torch_specinv.invert)
    end = max(i for i, line in enumerate(source) if line.strip() == '"""')
    body = [line for line in source[end + 1 :] if line.strip()]
    assert len(body) <= 15
