"""All targets of the fuzz, and what is public and is none."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module

from benchmarks.fuzzing.of_inversion import of_algorithms, of_inversion, of_modules
from benchmarks.fuzzing.of_losses import of_losses
from benchmarks.fuzzing.of_online import of_online
from benchmarks.fuzzing.of_the_rest import of_filter_banks, of_the_rest
from benchmarks.fuzzing.target import Target

#: The modules whose public names are tried.
MODULES = (
    "torch_specinv", "torch_specinv.losses", "torch_specinv.metrics", "torch_specinv.mel",
    "torch_specinv.nn", "torch_specinv.phase", "torch_specinv.algorithms", "torch_specinv.online",
    "torch_specinv.constraints", "torch_specinv.images", "torch_specinv.io",
    "torch_specinv.comparing", "torch_specinv.doctor", "torch_specinv.corpus",
)  # fmt: skip

#: Public names that are no target, and why.
NO_TARGET = {
    "abstract, or made by the package and not by users": (
        "Algorithm", "PointwiseAlgorithm", "RelaxedProjections", "Constraint", "PhaseMethod",
        "Diagnosis", "Inversion", "LongInversion", "Report", "Status", "Step", "MetricInfo",
        "Guess", "Arrival", "OnlineState", "OnlineInverter", "LeastSquaresGuess", "PGHIGuess",
        "SPSIGuess", "ZeroGuess", "STFT",
        "SpectrogramFile", "Measurement", "Clip", "ImageKeywords", "Magnitude", "Bands",
    ),
    "errors and warnings": ("SpecInvError", "ConventionWarning", "WriteError"),
    "other names of targets": (
        "log_spectral_distance", "signal_to_error_ratio", "signal_to_noise_ratio",
        "spectral_convergence", "named_preset", "Preset",
    ),
    "given as constraint= or transforms=, with tests of bad values of their own": (
        "separate", "Between", "Confidence", "ConstraintMaker", "KnownBins", "Mixture", "Sources",
    ),
    "steps inside of targets, which look at their arguments": (
        "Start", "starting_phase", "starting_spectrum", "guess_phase", "check_generator",
        "check_init",
        "guard", "read_constraint", "squared_magnitude", "reflections", "PGHI", "picture_of",
        "Pairs", "PhaseKeeping",
        "values_of", "warn_unless_magnitude", "warn_unless_recorded", "atomic", "check_output",
        "check_outputs", "existing", "explained", "numbered", "read_path", "holds_audio",
        "holds_picture", "holds_spectrogram", "write_blocks", "write_audio_files",
        "locate_spectrogram", "read_spectrogram_file", "AudioReader", "PlainArray", "beside",
        "make_folder", "names", "name_of", "open_locked",
    ),
    "tables and measurements of the command line": (
        "compare", "compare_files", "check_methods", "curves", "equal_iterations", "equal_time",
        "installed_peers", "left_out", "read_store", "register_degradation", "Prediction",
    ),
    "folders of files, with tests of bad values of their own": (
        "invert_corpus", "verify_corpus", "summarise_corpus", "CorpusResult", "Verification",
    ),
    "no arguments": ("show_config",),
}  # fmt: skip


@cache
def targets() -> dict[str, Target]:
    """Return all targets by name."""
    return {
        **of_losses(), **of_filter_banks(), **of_inversion(), **of_algorithms(), **of_modules(),
        **of_online(), **of_the_rest(),
    }  # fmt: skip


def left_out() -> list[str]:
    """Return the public functions and classes that are no target although nobody says why."""
    tried = {name.partition(",")[0].rpartition(".")[2] for name in targets()}
    tried |= {part for name in targets() for part in name.partition(",")[0].split(".")}
    said = {name for names in NO_TARGET.values() for name in names}
    found: list[str] = []
    for module in map(import_module, MODULES):
        for name in vars(module)["__all__"]:
            item = getattr(module, name)
            if not (inspect.isfunction(item) or inspect.isclass(item)):
                continue
            if name not in tried | said:
                found.append(f"{module.__name__}.{name}")
    return found
