"""Write the table of presets, docs/_presets.md.

python docs/list_presets.py
"""

from __future__ import annotations

from pathlib import Path

from torch_specinv.comparing.table import table
from torch_specinv.mel import PRESETS, MelSpec, Preset
from torch_specinv.mel.levels import Levels

OUTPUT = Path(__file__).parent / "_presets.md"
HEADER = ["name", "Hz", "STFT", "rows", "values", "waveform", "source"]


def main() -> None:
    """Write the table."""
    OUTPUT.write_text(presets(), encoding="utf-8")


def presets() -> str:
    """Return the table. Presets of one recipe share a row."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, p in PRESETS.items():
        row = (_number(p.sr), _stft(p), _rows(p), _values(p.values), _wave(p))
        names.setdefault(row, []).append(name)
    rows = [
        [
            ", ".join(f"`{name}`" for name in same), *row,
            "; ".join(dict.fromkeys(PRESETS[name].source for name in same)),
        ]
        for row, same in names.items()
    ]  # fmt: skip
    return table(HEADER, rows) + "\n"


def _number(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def _stft(p: Preset) -> str:
    """Return n_fft, hop, window, and how frames lie."""
    hop = f"{p.hop_length}" if p.overlap is None else f"1/{p.overlap} overlap"
    parts = [f"{p.n_fft or 'any'}, {hop if p.hop_length or p.overlap else 'any'}"]
    if p.win_length or p.window != "hann":
        name = p.window if isinstance(p.window, str) else " ".join(map(str, p.window))
        parts.append(f"{name.replace('_', ' ')} {p.win_length or ''}".strip())
    if p.window_align == "start":
        parts.append("at the start")
    if p.padding:
        parts.append(f"padded by {p.padding}")
    elif not p.center:
        parts.append("not centred")
    elif p.pad_mode == "constant":
        parts.append("padded with zeros")
    if p.normalized:
        parts.append("normalised")
    if p.scaling:
        parts.append(
            {"spectrum": "divided by the sum of the window", "psd": "densities"}[p.scaling]
        )
    return ", ".join(parts)


def _rows(p: Preset) -> str:
    """Return what the rows are."""
    v = p.values
    if not isinstance(v, MelSpec):
        return "all bins" if p.nyquist else f"{p.rows or 'all'} bins, without Nyquist"
    kind = str(v.filters).replace("librosa", "HTK" if v.htk else "Slaney")
    width = "" if v.norm or kind not in ("HTK", "Slaney") else ", not normed"
    edges = f"{v.fmin:g} to {v.sr / 2 if v.fmax is None else v.fmax:g} Hz"
    return f"{p.n_mels} bands, {kind}{width}, {edges}"


def _values(v: Levels) -> str:
    """Return what was written down."""
    what = {1.0: "magnitudes", 2.0: "powers"}[v.power]
    parts = [what if v.log is None else f"{v.log} of {what}"]
    parts += [f"clamp {v.clamp:.3g}"] if v.clamp else []
    parts += [f"within {v.reach:g} of the greatest"] if v.reach else []
    if v.shift or v.scale != 1:
        parts.append(f"(x {'-' if v.shift >= 0 else '+'} {abs(v.shift):.7g}) / {v.scale:.7g}")
    parts += [f"clipped to {v.limits[0]:g}, {v.limits[1]:g}"] if v.limits else []
    return ", ".join(parts)


def _wave(p: Preset) -> str:
    """Return what was done to the waveform."""
    parts = [f"times {p.amplitude:g}"] if p.amplitude != 1 else []
    parts += [f"pre-emphasis {p.preemphasis:g}"] if p.preemphasis else []
    return ", ".join(parts)


if __name__ == "__main__":
    main()
