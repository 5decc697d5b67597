"""What is passed to the command line is wrong: one line, exit code 2, and nothing is written."""

from __future__ import annotations

import numpy as np
import pytest

from torch_specinv.cli import main

RUN = ["--sr", "8000", "--max-iter", "1", "--quiet"]

OF_INVERT = [
    (["nothing.wav", "-o", "a.wav"], "nothing.wav does not exist"),
    (["speech.wav", "-o", "speech.wav"], "speech.wav exists already"),
    (["speech.wav", "-o", "no/a.wav"], "the folder no does not exist"),
    (["speech.wav", "-o", "a.xyz"], "can write .wav"),
    (["broken.wav", "-o", "a.wav"], "broken.wav cannot be read as audio"),
    (["mag.npy", "-o", "a.wav"], "pass --sr"),
    (["mag.npy", "-o", "a.wav", "--sr", "8000", "--window", "hnn"], "Did you mean 'hann'"),
    (["mag.npy", "-o", "a.wav", "--sr", "8000", "--n-fft", "100"], "n_fft=100 has 51 bins"),
    (["vector.npy", "-o", "a.wav", "--sr", "8000"], "expected (..., bins, frames)"),
    (["speech.wav", "-o", "a.wav", "--hop-length", "0"], "hop_length=0"),
    (["speech.wav", "-o", "a.wav", "--n-fft", "0"], "n_fft=0"),
    (["speech.wav", "-o", "a.wav", "--algorithm", "griffin_lim", "--alpha", "-1"], "alpha=-1"),
    (["speech.wav", "-o", "a.wav", "--alpha", "0.5"], "'alpha' is a hyperparameter of"),
    (["speech.wav", "-o", "a.wav", "--algorithm", "grifin_lim"], "'griffin_lim'"),
    (["speech.wav", "-o", "a.wav", "--metric", "scc"], "metric='scc'"),
    (["speech.wav", "-o", "a.wav", "--device", "nonsense"], "--device 'nonsense'"),
    (["mag.npy", "-o", "a.wav", "--sr", "0"], "sr=0"),
    (["mag.npy", "-o", "a.flac", "--sr", "1000000", "--max-iter", "1"], "sr=1000000"),
    (["mag.npy", "-o", "a.wav", "--sr", "8000", "--seed", "-1"], "--seed -1"),
    (["four.npy", "-o", "a.wav", "--sr", "8000"], "shape (3, 2, 5, 4)"),
    (["words.npy", "-o", "a.wav", "--sr", "8000"], "an array of <U1, not of numbers"),
    (["mel.npy", "-o", "a.wav", "--sr", "8000"], "80 bins: a mel spectrogram"),
    (["turned.npy", "-o", "a.wav", "--sr", "8000"], "is the array transposed"),
    (["mag.npy", "-o", "a.ogg", "--sr", "400000"], "sr=400000"),
    (["speech.wav", "-o", "a.wav", "--sr", "8000"], "is sampled at 16000 Hz"),
]

OF_ALL = [
    (["invert", "mag.npy", "-o", "a.wav", "--n-fft", "2147483648", *RUN], "67108864 samples"),
    (["invert", "mag.npy", "-o", "a.wav", "--n-fft", "1" + 23 * "0", *RUN], "67108864 samples"),
    (["invert", "mag.npy", "-o", "a.wav", "--n-fft", "-1", *RUN], "n_fft=-1"),
    (["invert-long", "mag.npy", "-o", "a.wav", "--n-fft", "-1", *RUN], "n_fft=-1"),
    (["invert", "mag.npy", "-o", "a.wav", "--mel", "--n-fft", "1", *RUN], "n_fft=1 has no bin"),
    (["invert", "mag.npy", "-o", "a.wav", "--config", "binary.yaml", *RUN], "cannot be read"),
    (["invert", "mag.npy", "-o", "a.wav", "--tol", "often", *RUN], "--tol often"),
    (["invert", "mag.npy", "-o", "a\0.wav", *RUN], "null byte"),
    (["invert-long", "mag.npy", "-o", "a\0.wav", *RUN], "null byte"),
    (["invert-long", "mag.npy", "-o", "", *RUN], "can write .wav"),
    (["invert", "mag.npy", "-o", "x" * 300 + ".wav", *RUN], "a name of 304 bytes"),
    (["compare", "speech.wav", "--n-fft", "-1"], "n_fft=-1"),
    (["compare", "speech.wav", "--seconds", "-1"], "seconds=-1"),
    (["compare", "speech.wav", "--folder", "mag.npy"], "mag.npy cannot be made: File exists"),
    (["compare", "speech.wav", "--folder", "\0"], "not the name of a folder"),
    (["compare", "speech.wav", "--degrade", "noisy", "--seed", str(2**64)], "at most 63 bits"),
    (["demo", "--max-iter", "0"], "max_iter=0"),
    (["demo", "--sr", "100"], "sr=100: expected a whole number of at least 4000"),
    (["demo", "--sr", "1" + 23 * "0"], "at most 192000 Hz"),
    (["demo", "--folder", "\0"], "not the name of a folder"),
    (["demo", "--folder", "mag.npy"], "mag.npy exists already"),
    (["--qiet"], "unrecognized arguments: --qiet. Did you mean --quiet? specinv"),
]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [*((["invert", "--quiet", *passed], message) for passed, message in OF_INVERT), *OF_ALL],
)
def test_what_is_passed_is_wrong(folder, capsys, arguments, message):
    (folder / "broken.wav").write_bytes(b"RIFF....")
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
    np.save("vector.npy", np.ones(5, np.float32))
    np.save("four.npy", np.ones((3, 2, 5, 4), np.float32))
    np.save("mel.npy", np.ones((80, 30), np.float32))
    np.save("turned.npy", np.ones((62, 257), np.float32))
    np.save("words.npy", np.array([["a", "b"]]))
    before = sorted(folder.iterdir())
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("specinv: error: ")
    assert message in line
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["invert"], ["nonsense"], ["demo", "--max-iter", "many"]])
def test_wrong_usage(folder, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert main([]) == 2
