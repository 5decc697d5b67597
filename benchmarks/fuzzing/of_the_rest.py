"""Everything public but the losses and what inverts."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch

import torch_specinv
from benchmarks.fuzzing.target import WINDOW, Target, magnitude, saved, scratch, seeded
from torch_specinv import (
    comparing,
    constraints,
    doctor,
    images,
    io,
    mel,
    metrics,
    phase,
)
from torch_specinv.transform import filter_banks, named_windows, speech_banks, windows


def of_filter_banks() -> dict[str, Target]:
    """Return filter banks and windows."""
    base = lambda: {"sr": 8000, "n_fft": 64}  # noqa: E731
    found = {
        f"filter_banks.{name}": Target(
            getattr(filter_banks, name), base, {"norm": "choice or None"}
        )
        for name in ("mel_scale", "chroma_scale", "bark_scale", "erb_scale")
    }
    found["filter_banks.third_octave_scale"] = Target(
        filter_banks.third_octave_scale, base, {"fmin": "positive"}
    )
    found["speech_banks.speech_scale"] = Target(
        speech_banks.speech_scale,
        lambda: {"filters": "kaldi", "sr": 8000, "n_fft": 64, "n_mels": 8},
        {"filters": "choice"},
    )
    found["named_window"] = Target(
        named_windows.named_window,
        lambda: {"window": "hann", "length": 64},
        {"window": "window name"},
        skip=("dtype", "device"),
    )
    found["frame_bounds"] = Target(
        windows.frame_bounds, lambda: {"window": WINDOW, "hop_length": 16}, {"window": "any window"}
    )
    return found


def of_the_rest() -> dict[str, Target]:
    """Return metrics, mel spectrograms, pictures, files, constraints and phases."""
    spec = magnitude()
    pair = lambda: {"input": spec * 0.9 + 0.1, "target": spec + 0.1}  # noqa: E731
    found = {
        f"metrics.{name}": Target(
            getattr(metrics, name),
            pair,
            {"input": "values", "target": "values"},
            better=-1 if name == "sc" else 1,
        )
        for name in ("sc", "snr", "ser")
    }
    found["metrics.lsd"] = Target(metrics.lsd, pair)
    found["metrics.register_metric"] = Target(
        metrics.register_metric, lambda: {"name": "another"}, skip=("unit", "higher_is_better")
    )
    found["metrics.metric_info"] = Target(
        metrics.metric_info, lambda: {"name": "sc"}, skip=("name",)
    )
    found["metrics.resolve_metrics"] = Target(metrics.resolve_metrics, lambda: {"metric": "sc"})
    values = {
        "scale": "numbers",
        "norm": "choice or None",
        "filters": "bank",
        "log": "choice",
        "offset": "not negative",
    }
    found["mel.MelSpec"] = Target(
        lambda **k: mel.MelSpec(**k).record(spec, 8),
        lambda: {"sr": 8000, "log": "ln", "clamp": 1e-5},
        values,
        signature=mel.MelSpec,
        also={"filters": torch.rand(8, 33)},
    )
    found["mel.MelSpec.record"] = Target(
        lambda magnitude, n_mels, n_fft=None: mel.MelSpec(8000).record(magnitude, n_mels, n_fft),
        lambda: {"magnitude": spec, "n_mels": 8},
        {"magnitude": "recorded"},
    )
    found["mel.Levels"] = Target(
        lambda **k: mel.Levels(**k).restore(spec),
        lambda: {"log": "dB"},
        values,
        signature=mel.Levels,
    )
    found["mel.mfcc_to_mel"] = Target(mel.mfcc_to_mel, lambda: {"mfcc": seeded(2, 13, 9)})
    found["mel.normalised_levels"] = Target(mel.normalised_levels, kinds={"min_level_db": "number"})
    preset = lambda **k: mel.preset("hifigan", **k).record(seeded(4000) / 10)  # noqa: E731
    changeable = (
        "n_mels",
        "n_fft",
        "hop_length",
        "win_length",
        "overlap",
        "window",
        "window_align",
        "center",
        "pad_mode",
        "normalized",
        "scaling",
        "padding",
        "preemphasis",
        "amplitude",
        "fmin",
        "fmax",
        "clamp",
        "htk",
        "norm",
        "filters",
        "sr",
        "shift",
        "nyquist",
        "power",
    )
    found["mel.preset"] = Target(
        preset,
        dict,
        {**values, "window": "window name"},
        signature=_Signature({name: _default(name) for name in changeable}),
        also={"filters": torch.rand(80, 513)},
    )
    found["mel.preset, by name"] = Target(
        mel.preset,
        lambda: {"name": "hifigan"},
        {"name": "choice"},
        signature=_Signature({"name": None}, required=True),
    )
    found["Preset.record"] = Target(
        mel.preset("hifigan").record, lambda: {"wave": seeded(2, 4000) / 10}
    )
    found["images.ImageSpec"] = Target(images.ImageSpec)
    found["io.image_to_spectrogram"] = Target(
        io.image_to_spectrogram, lambda: {"image": torch.rand(9, 12)}, skip=("conventions",)
    )
    found["io.spectrogram_to_image"] = Target(
        io.spectrogram_to_image, lambda: {"spec": torch.rand(9, 12)}, skip=("conventions", "path")
    )
    wave = lambda: {"path": scratch("out.wav"), "wave": seeded(2, 700) / 10, "sr": 8000}  # noqa: E731
    found["io.write_audio"] = Target(io.write_audio, wave, {"path": "output path"}, skip=("force",))
    found["io.fit_peak"] = Target(
        io.fit_peak,
        lambda: {"wave": seeded(2, 700), "how": "keep"},
        {"how": "choice", "wave": "any wave"},
    )
    found["example"] = found["io.example"] = Target(io.example, dict, {"name": "choice"})
    for name in ("read_audio", "read_spectrogram", "read_statistics"):
        found[f"io.{name}"] = Target(
            getattr(io, name), lambda: {"path": "nothing.npy"}, skip=("key", "transpose", "sr")
        )
    found["invert_long"] = Target(
        torch_specinv.invert_long,
        lambda: {
            "source": saved(),
            "output": scratch("out.wav"),
            "max_iter": 2,
            "sr": 8000,
            "window": WINDOW,
            "verbose": False,
        },
        {"init": "choice", "output": "output path"},
        skip=("key", "init", "preset", "transpose"),
    )
    bank = lambda: {"target": torch.rand(2, 8, 12), "bank": torch.rand(8, 33), "power": 1.0}  # noqa: E731
    found["constraints.Bands.of"] = Target(
        lambda **k: constraints.Bands.of(**k).magnitude(),
        bank,
        signature=constraints.Bands.of,
        kinds={"target": "magnitude"},
    )
    found["constraints.MelBands"] = Target(
        lambda **k: constraints.MelBands(**k)(torch.rand(2, 8, 12)),
        lambda: {"mel": torch.rand(8, 33), "n_fft": 64},
        signature=constraints.MelBands,
        skip=("usual",),
        also={"window": WINDOW},
    )
    stft = torch_specinv.STFT.of(spec, window=WINDOW)
    for name in ("spsi", "pghi", "locked", "learned", "random", "zero"):
        found[f"phase.{name}"] = Target(
            partial(_guess, getattr(phase, name), stft),
            lambda: {"magnitude": spec},
            signature=_magnitude_only,
        )
    found["comparing.Degradation"] = Target(
        comparing.Degradation,
        lambda: {"kind": next(iter(comparing.DEGRADATIONS))},
        {"kind": "choice", "strength": "not negative"},
    )
    found["doctor.diagnose"] = Target(doctor.diagnose, lambda: {"spec": spec}, {"spec": "anything"})
    return found


def _guess(method: Any, stft: Any, magnitude: Any) -> Any:
    return method(magnitude, stft, torch.Generator())


def _magnitude_only(magnitude: Any) -> None: ...


def _default(name: str) -> Any:
    return (
        None
        if name
        in ("n_mels", "n_fft", "overlap", "scaling", "win_length", "hop_length", "fmax", "norm")
        else ...
    )


class _Signature:
    """Something that has a signature of these names."""

    def __init__(self, names: dict[str, Any], required: bool = False) -> None:
        kind = inspect.Parameter.KEYWORD_ONLY
        empty = inspect.Parameter.empty
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(n, kind, default=empty if required else d) for n, d in names.items()]
        )

    def __call__(self) -> None: ...
