"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build/html``."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from torch_specinv.version import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from members import FILES, MEMBERS  # noqa: E402
from other_docs import write_inventories  # noqa: E402

# what is made anew by each build: pages of the notebooks among the examples, and of the reference
NOTEBOOKS, OBJECTS = HERE / "notebooks", HERE / "api"
for made in (NOTEBOOKS, OBJECTS):
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
# the package is not on PyPI, so whoever runs a notebook elsewhere needs its archive
build = ["egg_info", "--egg-base", str(NOTEBOOKS), "sdist", "--dist-dir", str(NOTEBOOKS)]
subprocess.run(
    [sys.executable, "setup.py", "-q", *build],
    cwd=HERE.parent,
    check=True,
    stderr=subprocess.DEVNULL,
)
ARCHIVE = next(NOTEBOOKS.glob("*.tar.gz")).name
LINKS = """{download}`Download this notebook <../../examples/%s>` and the {download}`package <%s>`.
In Colab choose "Upload notebook" in the menu "File"; the first cell asks for the package.
Anywhere else put both into one folder."""
for notebook in (HERE.parent / "examples").glob("*.ipynb"):
    content = json.loads(notebook.read_text(encoding="utf-8"))
    links = {"cell_type": "markdown", "metadata": {}, "source": LINKS % (notebook.name, ARCHIVE)}
    content["cells"].insert(1, links | {"id": "links"})
    (NOTEBOOKS / notebook.name).write_text(json.dumps(content), encoding="utf-8")
# pages that play sounds import hearing.py
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])

project = "torch_specinv"
author = "the torch_specinv authors"
copyright = "the torch_specinv authors"  # noqa: A001
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
]
# what is copied is what is typed
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
exclude_patterns = ["_build", "_style", "_templates", "_measured_*.md"]
templates_path = ["_templates"]

# sounds and pictures are those of this build
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_output_stderr = "remove"

html_theme = "furo"
html_title = f"torch_specinv {version}"
html_copy_source = False
html_static_path = ["_style"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_style/favicon.svg"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# the docstrings name the types in words, so the signatures stay short
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_ivar = True
napoleon_preprocess_types = True
KNOWN = (
    "collections.abc.Callable",
    "pathlib.Path",
    "torch.Tensor",
    "torch_specinv.Algorithm",
    "torch_specinv.Constraint",
    "torch_specinv.GriffinLim",
    "torch_specinv.Inversion",
    "torch_specinv.PointwiseAlgorithm",
    "torch_specinv.Report",
    "torch_specinv.STFT",
    "torch_specinv.Status",
    "torch_specinv.comparing.Clip",
    "torch_specinv.comparing.Measurement",
    "torch_specinv.comparing.Prediction",
    "torch_specinv.comparing.degrade.Given",
    "torch_specinv.constraints.Magnitude",
    "torch_specinv.corpus.estimate.Estimate",
    "torch_specinv.errors.DeviceError",
    "torch_specinv.images.ImageSpec",
    "torch_specinv.mel.MelSpec",
    "torch_specinv.mel.Preset",
    "torch_specinv.online.Guess",
    "torch_specinv.phase.PhaseMethod",
    "torch_specinv.solve.Relaxation",
    "torch_specinv.transform.geometry.Geometry",
)
napoleon_type_aliases = {name.rpartition(".")[2]: f"~{name}" for name in KNOWN} | {
    "a sequence": ":term:`a sequence <sequence>`",
    "array": ":class:`array <numpy.ndarray>`",
    "callable": ":term:`callable`",
    "iterable": ":term:`iterable`",
    "mapping": ":term:`mapping`",
    "matplotlib Figure": ":class:`matplotlib Figure <matplotlib.figure.Figure>`",
    "matplotlib Axes": ":class:`matplotlib Axes <matplotlib.axes.Axes>`",
    "ndarray": ":class:`ndarray <numpy.ndarray>`",
    "path": ":class:`path <pathlib.Path>`",
    "sequence": ":term:`sequence`",
}
# every name leads somewhere, but for what is within the package, and plain words among the types
nitpicky = True
nitpick_ignore = {
    ("py:class", "IPython.display.HTML"),
    ("py:class", "RunState"),
    ("py:class", "STFTKeywords"),
    ("py:class", "torch_specinv.images.conventions.ImageKeywords"),
    ("py:class", "torch_specinv.inexact.kinds.Kind"),
    ("py:class", "torch_specinv.transform.geometry.STFTKeywords"),
    ("py:class", "torch_specinv.transform.named_windows.NamedWindow"),
}
nitpick_ignore_regex = {("py:class", r"[a-z0-9_() ]+|anything that .*")}

# a page for each object
autosummary_generate = True
autosummary_filename_map = FILES
autosummary_context = {"shown": MEMBERS}

intersphinx_mapping = write_inventories(HERE / "notebooks")
