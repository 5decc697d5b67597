"""The recipes of docs/recipes.md: scripts with the real libraries, functions with stand-ins."""

from __future__ import annotations

import re
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from torch_specinv import example, metrics
from torch_specinv.images import RIFFUSION
from torch_specinv.io import spectrogram_to_image
from torch_specinv.mel import preset

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "examples" / "recipes"
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page():
    """The functions of the page."""
    namespace = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(compile(block, "recipes.md", "exec"), namespace)
    return namespace


def apart(recipe, wave, mel):
    """Return the mean difference of what a waveform has for a mel spectrogram, in its unit."""
    frames = mel.shape[-1]
    again = recipe.record(wave)[..., :frames]
    return float((again - mel[..., : again.shape[-1]]).abs().mean())


@pytest.fixture(scope="module")
def speech():
    wave, _ = example("speech")
    return wave[:22050]


def test_speech_of_a_tts_model(page, speech):
    mel = page["SPEECHT5"].record(speech)
    assert mel.shape[0] == 80
    model = SimpleNamespace(generate_speech=lambda text, speaker: mel.mT)
    wave = page["speak"](model, None, None)
    assert wave.ndim == 1
    assert apart(page["SPEECHT5"], wave, mel) < 0.15


def test_latents_of_a_diffusion_model(page, speech):
    recipe = preset("audioldm")
    mel = recipe.record(speech)
    latents = 0.5 * torch.stack([mel.mT, mel.mT - 1])[:, None]
    vae = SimpleNamespace(
        config=SimpleNamespace(scaling_factor=0.5), decode=lambda z: SimpleNamespace(sample=z)
    )
    waves = page["decode"](SimpleNamespace(vae=vae), latents)
    assert waves.shape[0] == 2
    assert apart(recipe, waves[0], mel) < 0.3


@pytest.mark.slow  # transforms of 17640 samples
def test_a_picture_of_a_diffusion_model(page, speech):
    recipe = preset("riffusion")
    mel = recipe.record(torch.nn.functional.interpolate(speech[None, None], scale_factor=2.0)[0, 0])
    picture = spectrogram_to_image(mel, None, RIFFUSION)
    wave = page["hear"](picture)
    assert float(wave.abs().max()) == pytest.approx(1)
    found = recipe.record(wave)[:, : mel.shape[1]]
    target = mel[:, : found.shape[1]]
    scale = (found * target).sum() / found.square().sum()
    assert float(metrics.sc(scale * found, target)) < -15


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dataloader(capsys):
    runpy.run_path(str(SCRIPTS / "dataloader.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "6 clips of two workers, the same without" in printed
    assert printed.count("became (3, ") == 2


@pytest.mark.slow
def test_lightning(tmp_path):
    pytest.importorskip("lightning")
    printed = run(str(SCRIPTS / "lightning_listen.py"), cwd=tmp_path)
    reached, best = map(float, re.findall(r"(-\d+\.\d) dB", printed))
    assert best < reached < -5
    (events,) = tmp_path.rglob("events.out.tfevents*")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(events.parent)).Reload()
    tags = log.Tags()
    assert sorted(tags["audio"]) == ["validation/0", "validation/1"]
    assert "validation/sc" in tags["scalars"]
    sc = [event.value for event in log.Scalars("validation/sc")]
    assert sc[-1] < sc[0]


@pytest.mark.slow
def test_distributed(tmp_path, monkeypatch, capsys):
    script = str(SCRIPTS / "distributed.py")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    printed = run(*torchrun, script, cwd=tmp_path)
    assert printed.strip() in PAGE
    # what is measured does not depend on how many processes there are
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "MASTER_PORT": port}
    for name, value in {**alone, "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, str(value))
    runpy.run_path(script, run_name="__main__")
    assert capsys.readouterr().out.splitlines()[-1] == printed.splitlines()[-1]
