"""Pictures of spectrograms and of convergence, with matplotlib. The only place that draws."""

from .comparison import plot_comparison, plot_curves
from .convergence import plot_convergence
from .drawing import new_figure, png
from .spectrogram import specshow

__all__ = ["new_figure", "plot_comparison", "plot_convergence", "plot_curves", "png", "specshow"]
