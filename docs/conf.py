"""Configuration of the documentation: ``sphinx-build -W -b html docs docs/_build/html``."""

from torch_specinv.version import __version__

project = "torch_specinv"
author = "the torch_specinv authors"
copyright = "the torch_specinv authors"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
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
exclude_patterns = ["_build", "_measured_*.md"]

html_theme = "furo"
html_title = f"torch_specinv {version}"
html_copy_source = False

myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3

# the docstrings name the types in words, so the signatures stay short
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_ivar = True
