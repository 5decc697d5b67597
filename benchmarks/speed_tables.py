"""The tables and the picture of speed.py."""

from __future__ import annotations

from pathlib import Path

from speed_cases import SETS

from torch_specinv.comparing.table import table

OTHERS = ("raar", "admm", "amdr")


def peers_table(found: dict[str, dict[str, float]]) -> str:
    """Return microseconds per frame and iteration, and how many times ours is faster."""
    names = [name for name in next(iter(found.values())) if name not in (*OTHERS, *SETS)]
    rows = []
    for shape, times in found.items():
        row = [shape]
        for name in names:
            ratio = (
                ""
                if name in ("native", "transforms")
                else f" ({times[name] / times['native']:.1f}x)"
            )
            row.append(f"{times[name]:.2f}{ratio}")
        rows.append(row)
    return table(["shape", *names], rows)


def sets_table(found: dict[str, dict[str, float]]) -> str:
    """Return microseconds per frame and iteration for each instruction set, and ratios of AVX2."""
    names = [name for name in next(iter(found.values())) if name in SETS]
    usual = "AVX2" if "AVX2" in names else names[-1]
    others = [
        name for name in ("chunked", "torch", "torchaudio") if name in next(iter(found.values()))
    ]
    header = ["shape", "transforms", *names, f"{usual} / transforms"]
    rows = [
        [
            shape,
            *(f"{times[name]:.2f}" for name in ("transforms", *names)),
            f"{times[usual] / times['transforms']:.2f}",
            *(f"{times[name] / times[usual]:.1f}" for name in others),
        ]
        for shape, times in found.items()
    ]
    return table([*header, *(f"{name} / {usual}" for name in others)], rows)


def methods_table(found: dict[str, dict[str, float]]) -> str:
    """Return what an iteration of other methods costs, in iterations of fast Griffin-Lim."""
    usual = "AVX2" if "AVX2" in next(iter(found.values())) else "native"
    rows = [
        [shape, *(f"{times[name] / times[usual]:.2f}" for name in OTHERS)]
        for shape, times in found.items()
    ]
    return table(["shape", *OTHERS], rows)


def picture(found: dict[str, dict[str, float]], file: Path) -> None:
    """Draw the time of an iteration of each shape."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [
        name for name in next(iter(found.values())) if name not in (*OTHERS, *SETS, "transforms")
    ]
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        heights = [times[name] / times["transforms"] for times in found.values()]
        axes.bar([x + i * width for x in range(len(found))], heights, width, label=name)
    axes.axhline(1, color="black", linewidth=1, linestyle=":")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(found))])
    axes.set_xticklabels([shape.replace(", ", "\n") for shape in found], fontsize=8)
    axes.set_ylabel("time of an iteration / bare transforms")
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=130)
