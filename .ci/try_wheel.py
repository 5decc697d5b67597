"""What a user has of the wheel: run by .ci/run in a fresh environment, outside of the checkout."""

import sys
from importlib.metadata import metadata
from pathlib import Path

import torch

import torch_specinv
from torch_specinv import STFT, example, invert, native, report
from torch_specinv.comparing import Clip
from torch_specinv.phase import PHASES

home = Path(torch_specinv.__file__)
assert home.is_relative_to(sys.prefix), f"this is another installation: {home}"
assert not Path("torch_specinv").exists(), "run me elsewhere"
assert not native.missing(), native.missing()
assert (home.parent / "py.typed").exists()
assert (home.parent / "nn.pyi").exists()

known = metadata("torch_specinv")
assert known["Version"] == torch_specinv.__version__
assert known["Description"].startswith("# torch_specinv")

settings = {"n_fft": 1024, "hop_length": 256, "window": torch.hann_window(1024)}
clips = []
for name in ("speech", "music"):
    wave, sr = example(name)
    clips.append(Clip(name, wave[:sr], sr))
stft = STFT.of_wave(clips[0].wave, **settings)
magnitude = stft(clips[0].wave)
run = {"max_iter": 8, "tol": 0, "length": len(clips[0].wave), "verbose": False, **settings}
for init in PHASES:  # one of them reads its weights
    native_wave, torch_wave = (
        invert(
            magnitude,
            "griffin_lim",
            init=init,
            generator=torch.Generator().manual_seed(0),
            backend=backend,
            **run,
        ).wave
        for backend in ("native", "torch")
    )
    apart = float((native_wave - torch_wave).norm() / torch_wave.norm())
    assert apart < 0.03, f"{init}: the native engine is {apart:.1%} apart"

entries = list(report.gather(clips, ["auto", "pghi"], max_iter=4))
page = report.report_page(entries)
assert "<html" in page and "function" in page and "@media" in page
print("the wheel of", torch_specinv.__version__, "is complete")
