"""The examples of the documentation run, and its worked example is right."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

import torch_specinv
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.metrics import METRICS
from torch_specinv.phase import PHASES
from torch_specinv.players import audio_element
from torch_specinv.solve import ALGORITHMS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PAGES = [
    page
    for folder in (ROOT / "docs", ROOT / "docs" / "gallery")
    for page in sorted(folder.glob("*.md"))
    if not page.name.startswith("_")
]
PAGES.append(ROOT / "README.md")
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def some_slow(paths: list[Path], quick: set[str]) -> list[Any]:
    """Mark those that are not named as slow."""
    return [
        pytest.param(
            path,
            id=str(path.relative_to(ROOT)),
            marks=() if path.stem in quick else pytest.mark.slow,
        )
        for path in paths
    ]


@pytest.fixture(autouse=True)
def _clean_registries() -> Iterator[None]:
    """Take out again what an example registers, and bring back what it replaces."""
    registries = (ALGORITHMS, PHASES, METRICS)
    before = [dict(registry) for registry in registries]
    yield
    for registry, content in zip(registries, before, strict=True):
        registry.clear()
        registry.update(content)


@pytest.fixture
def raar(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_example_raar", EXAMPLES / "raar.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch.onnx's own
@pytest.mark.parametrize(
    "page", some_slow(PAGES, quick={p.stem for p in PAGES} - {"differences", "export"})
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = page.read_text(encoding="utf-8")
    # a page may tell its reader to save an example file: here they are, in the working directory
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    loaded = set(sys.modules)
    torch.manual_seed(0)
    namespace: dict[str, object] = {"__name__": "__main__"}
    try:
        for block in BLOCK.finditer(text):
            # empty lines in front, so that a traceback gives the line of the page
            lines_before = text.count("\n", 0, block.start(1))
            exec(compile("\n" * lines_before + block[1], str(page), "exec"), namespace)
    finally:
        for example in EXAMPLES.glob("*.py"):
            if example.stem not in loaded:
                sys.modules.pop(example.stem, None)


def test_every_page_with_code_is_found() -> None:
    names = {page.name for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))}
    assert {"index.md", "quickstart.md", "write_your_own.md", "differences.md"} <= names
    assert {"files.md", "other_stfts.md", "doctor.md", "conventions.md"} <= names
    assert {"griffin_lim.md", "admm.md", "rtisi_la.md", "lbfgs.md"} <= names


def run_example(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """Run it as it stands, and return what it prints."""
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr()
    assert printed.out
    assert not printed.err  # no progress bars
    assert "nan" not in printed.out
    return printed.out


@pytest.mark.parametrize("script", some_slow(SCRIPTS, quick={"mel_to_audio"}))
def test_examples_run(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = run_example(script, capsys, monkeypatch)
    if script.stem == "train_through_griffin_lim":
        before, after = map(float, re.findall(r"\d\.\d+", printed))
        assert after < 0.9 * before


def test_there_are_examples_and_notebooks() -> None:
    """Or else nothing would be run, and nobody would notice."""
    assert {"mel_to_audio", "train_through_griffin_lim"} <= {path.stem for path in SCRIPTS}
    names = {path.stem for path in NOTEBOOKS}
    assert {"quickstart", "streaming_a_long_array", "tts_without_a_vocoder"} <= names


def notebook_cells(path: Path, kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("notebook", some_slow(NOTEBOOKS, quick={"tts_without_a_vocoder"}))
def test_notebook_runs(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)
    # here is neither a notebook nor a loudspeaker
    monkeypatch.setattr("torch_specinv.players.play", audio_element)
    namespace: dict[str, object] = {"__name__": "notebook"}
    for number, cell in enumerate(notebook_cells(notebook, "code")):
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), namespace)
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_with_small_and_clean_outputs(notebook: Path) -> None:
    outputs = [output for cell in notebook_cells(notebook, "code") for output in cell["outputs"]]
    assert outputs
    assert all(output["output_type"] != "error" for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < 100_000
    assert not re.search(r"site-packages|/home/|/tmp/|/Users/", text)


def own(registry: dict[str, Any]) -> dict[str, Any]:
    """Return what the package itself registers, and not what other tests do."""
    return {
        name: item
        for name, item in registry.items()
        if item.__module__.startswith("torch_specinv.")
        and inspect.unwrap(getattr(sys.modules[item.__module__], item.__name__, item)) is item
    }


def test_every_method_and_start_has_a_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Methods")[2].partition("\n## ")[0]
    rows: set[str] = set()
    for cell in re.findall(r"^\| (.*?`) \|", section, re.MULTILINE):
        kind = "phase initialization "
        start = kind if cell.startswith(kind) else ""
        rows |= {start + name for name in re.findall(r"`(\w+)`", cell)}
    names = {*own(ALGORITHMS), *(f"phase initialization {name}" for name in own(PHASES))}
    missing, unknown = sorted(names - rows), sorted(rows - names)
    assert not missing, f"the table of methods in README.md has no row for {missing}"
    assert not unknown, f"the table of methods in README.md has rows for {unknown}"


def test_every_folder_is_on_the_page_of_how_it_is_built() -> None:
    page = (ROOT / "docs" / "how_it_is_built.md").read_text(encoding="utf-8")
    package = Path(torch_specinv.__file__).parent
    folders = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    files = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    rows = set(re.findall(r"`(\w+(?:/|\.py))`", page.partition("## What a change")[0]))
    # one is named because it isn't there
    assert rows - {"invert/"} == folders | files
    for path in re.findall(r"`(\w+/\w+\.py)`", page):
        assert (package / path).exists() or (ROOT / path).exists(), path


def test_the_picture_of_the_floors_is_that_of_the_imports() -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "draw_floors.py"), run_name="drawing")
    picture = drawing["PICTURE"].read_text(encoding="utf-8")
    assert picture == drawing["draw"](), "run python docs/draw_floors.py"


def test_the_table_of_presets_is_that_of_the_presets() -> None:
    listing = runpy.run_path(str(ROOT / "docs" / "list_presets.py"), run_name="listing")
    assert listing["OUTPUT"].read_text(encoding="utf-8") == listing["presets"](), (
        "run python docs/list_presets.py"
    )


def textbook_raar(stft: STFT, target: Tensor, start: Tensor, relaxation: float) -> Tensor:
    """Return the wave after five iterations, as the paper writes them."""

    def on_magnitude(c: Tensor) -> Tensor:
        return target * torch.where(c == 0, 0, c / c.abs())

    def on_waves(c: Tensor) -> Tensor:
        return stft.analyse(stft.synthesise(c))

    c = start
    for _ in range(5):
        p = on_magnitude(c)
        c = relaxation * (c + on_waves(2 * p - c)) + (1 - 2 * relaxation) * p
    return stft.synthesise(on_magnitude(c))


@pytest.mark.parametrize("relaxation", [0.5, 0.9, 1.0])
def test_raar_is_the_textbook_recursion(raar: ModuleType, relaxation: float) -> None:
    assert ALGORITHMS["my_raar"] is raar.RAAR
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(2, 4000, dtype=torch.float64, generator=generator)
    window = torch.hann_window(256, dtype=torch.float64)
    target = torch.stft(waves, 256, window=window, return_complex=True).abs()
    phase = 6.3 * torch.rand(target.shape, dtype=torch.float64, generator=generator)
    phase[:, [0, -1]] = 0  # these bins are real

    result = invert(
        target,
        "my_raar",
        relaxation=relaxation,
        init=phase,
        max_iter=5,
        tol=0,
        window=window,
        length=4000,
        verbose=False,
    )

    stft = STFT.of(target, window=window, length=4000)
    expected = textbook_raar(stft, target, torch.polar(target, phase), relaxation)
    torch.testing.assert_close(result.wave, expected, rtol=0, atol=1e-10)
    first, last = result.history["sc"]
    assert (last < first - 3).all()


@pytest.mark.parametrize("relaxation", [0.0, -1.0, 1.5, float("nan")])
def test_raar_refuses_a_wrong_relaxation(raar: ModuleType, relaxation: float) -> None:
    with pytest.raises(SpecInvError, match="relaxation="):
        raar.RAAR(relaxation=relaxation)
