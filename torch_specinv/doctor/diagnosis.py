"""What the doctor says."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

# Columns of the report
_WIDTH = 88


@dataclass(frozen=True)
class Diagnosis:
    """What an array probably is.

    Printed, it is a short report.
    """

    shape: tuple[int, ...]
    kind: str
    """"linear", "mel", "waveform", "complex", "phase" or "unknown"."""
    unit: str = ""
    """How magnitudes are written down, such as "natural logarithm of a magnitude"."""
    transposed: bool = False
    """Whether frames come before bins or bands."""
    nyquist: bool = True
    """Whether a linear spectrogram has its last bin, that of half the sample rate."""
    sure: bool = True
    confidence: float = 1.0
    """Probability of kind, unit and order of axes, between 0 and 1."""
    presets: tuple[str, ...] = ()
    """Presets that record such arrays, the likeliest first."""
    n_fft: int | None = None
    """Length of the transform, where it is told by the bins or a preset."""
    call: str = ""
    """Python that inverts an array named spec; what can't be told is left open as `...`."""
    command: str = ""
    """The command line that inverts a file of it; what can't be told is in capitals."""
    notes: tuple[str, ...] = ()
    others: tuple[tuple[str, float], ...] = ()
    """What else it might be, with probabilities."""

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        share = f"{100 * min(self.confidence, 0.99):.0f} %"
        lines = [f"{shape}: {'' if self.sure else 'not sure, perhaps '}{self.what} ({share})"]
        if self.presets:
            lines.append(f"Presets that fit: {', '.join(self.presets)}.")
        lines += self.notes
        if self.others and not self.sure:
            others = "; ".join(f"{what} ({100 * share:.0f} %)" for what, share in self.others)
            lines.append(f"Or: {others}.")
        text = "\n".join(textwrap.fill(line, _WIDTH) for line in lines)
        ways = "".join(f"\n    {way}" for way in (self.call, self.command) if way)
        return f"{text}\n{ways}" if ways else text

    @property
    def what(self) -> str:
        """The kind, the unit and the order of axes in words."""
        return describe(self.kind, self.unit, self.transposed, self.nyquist)


def describe(kind: str, unit: str, transposed: bool, nyquist: bool) -> str:
    """Say what a reading is."""
    if not unit:
        return kind
    rows = "bands" if kind == "mel" else "bins"
    order = f"(frames, {rows})" if transposed else f"({rows}, frames)"
    bin_ = "" if nyquist else " without the Nyquist bin"
    return f"a {kind} spectrogram {order}{bin_}, {unit}"
