"""Draw how the package is built: ``python docs/draw_floors.py`` writes docs/_static/floors.svg.

The floors are those of tests/test_imports.py and the lines are the imports of the package. A line
is left out where a way over other folders says the same, and so are those to the lowest floor,
which all folders use.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.test_imports import FLOORS as ALL_FLOORS  # noqa: E402
from tests.test_imports import imports  # noqa: E402

# the last is python -m torch_specinv, which is the command line
FLOORS = ALL_FLOORS[:-1]

PICTURE = ROOT / "docs" / "_static" / "floors.svg"
#: What each folder or file holds, its colour, and in which column it stands.
ROOMS: dict[str, tuple[str, str, float]] = {
    "cli": ("the command line", "use", 3),
    "report": ("compared by ear", "use", 2),
    "corpus": ("many files", "use", 1),
    "comparing": ("methods, measured", "use", 2),
    "long": ("recordings of hours", "use", 4),
    "live": ("devices, pipes", "use", 0),
    "nn": ("modules", "use", 1),
    "export": ("ONNX and graphs", "use", 0),
    "methods": ("documented functions", "use", 2),
    "inversion": ("a request, read and run", "run", 2),
    "algorithms": ("one file a method", "run", 2),
    "config": ("what is installed", "run", 4.5),
    "online": ("frames as they arrive", "run", 1),
    "optimize": ("L-BFGS and objectives", "run", 2),
    "engines": ("ways to iterate", "run", 4),
    "inexact": ("wrong magnitudes", "run", 3),
    "solve": ("problem, loop, result", "run", 2),
    "phase": ("starting phases", "know", 3),
    "doctor": ("what an array is", "know", 0),
    "constraints": ("what is known", "know", 1),
    "losses": ("distances for training", "know", 0),
    "mel": ("mel conventions", "know", 1),
    "metrics": ("how near it is", "know", 3),
    "native": ("compiled iterations", "know", 4),
    "io": ("files of all kinds", "know", 2),
    "players": ("sound in notebooks", "know", 5),
    "plots": ("pictures", "know", 2.5),
    "images": ("grey values, colours", "know", 4),
    "transform": ("STFT and its inverse", "know", 2),
    "errors": ("one kind", "base", 0),
    "forks": ("of processes", "base", 0.62),
    "helpers": ("threads", "base", 1.24),
    "tensors": ("arrays, lists", "base", 1.86),
    "negative": ("below 0", "base", 2.48),
    "derivatives": ("torch.func", "base", 3.1),
    "checks": ("of tensors", "base", 3.72),
    "plugins": ("of others", "base", 4.34),
    "registry": ("of names", "base", 4.96),
    "version": ("one number", "base", 5.6),
}
#: Where a line passes the floors between its ends: columns, from top to bottom.
WAYS: dict[tuple[str, str], list[float]] = {
    ("long", "inversion"): [3.6, 3],
    ("cli", "config"): [4.7, 4.7, 4.7, 4.7, 4.7],
    ("inversion", "engines"): [3],
    ("inversion", "doctor"): [0, 0, 0],
    ("algorithms", "phase"): [2.8],
    ("phase", "native"): [3.8],
    ("cli", "live"): [0],
    ("live", "online"): [0.5, 0.5, 0.5, 0.5],
}
COLOURS = {
    "use": ("#fdf1e3", "#d9822b"),
    "run": ("#e6f0fb", "#3b7cc4"),
    "know": ("#e7f5ec", "#3a9560"),
    "base": ("#f0f0f2", "#8a8d98"),
}
LEGEND = {
    "use": "what you call",
    "run": "how a spectrogram is inverted",
    "know": "what is known about spectra",
    "base": "what all folders use",
}
WIDTH, HEIGHT, COLUMN, ROW, MARGIN = 164, 46, 190, 84, 100
# Of a room on the lowest floor, which has many
NARROW = 112
TOP = 66


def lines() -> list[tuple[str, str]]:
    """Return which folder imports which, without what follows from the others."""
    named = {
        (file.parts[0].removesuffix(".py"), module.split(".")[1])
        for file, module in imports()
        if module.startswith("torch_specinv.")
        and file not in (Path("__init__.py"), Path("__main__.py"))
    }
    below = {a: {y for x, y in named if x == a and y != a} - FLOORS[0] for a, _ in named}
    reached: dict[str, set[str]] = {}
    for floor in FLOORS[1:]:
        for room in floor:
            reached[room] = below[room].union(*(reached[other] for other in below[room]))
    return sorted(
        (a, b)
        for a in reached
        for b in below[a]
        if not any(b in reached[other] for other in below[a])
    )


def place(room: str) -> tuple[float, float]:
    """Return the middle of a room."""
    level = next(i for i, floor in enumerate(FLOORS) if room in floor)
    return MARGIN + COLUMN * ROOMS[room][2], TOP + ROW * (len(FLOORS) - 1 - level)


def spread(line: tuple[str, str], end: int, among: list[tuple[str, str]]) -> float:
    """Return where at a room a line begins or ends, so that lines do not touch."""
    there = [other for other in among if other[end] == line[end]]
    there.sort(key=lambda other: towards(other, end))
    return 22 * (there.index(line) - (len(there) - 1) / 2)


def towards(line: tuple[str, str], end: int) -> tuple[float, float]:
    """Return from which column a line comes to one of its ends."""
    far = place(line[1 - end])
    way = WAYS.get(line)
    column = MARGIN + COLUMN * way[-end] if way else far[0]
    return column, far[0]


def path(line: tuple[str, str], among: list[tuple[str, str]]) -> str:
    """Return a smooth way from a room down to another that touches no third one."""
    (x, y), (x_end, y_end) = place(line[0]), place(line[1])
    x, y = x + spread(line, 0, among), y + HEIGHT / 2
    x_end, y_end = x_end + spread(line, 1, among), y_end - HEIGHT / 2 - 7
    between = round((y_end - y) // ROW)
    columns = WAYS.get(line) or [
        ((x + (x_end - x) * (i + 1) / (between + 1)) - MARGIN) / COLUMN for i in range(between)
    ]
    if len(columns) != between:
        raise ValueError(f"{line} passes {between} floors: WAYS has {len(columns)}.")
    points, row = [(x, y)], place(line[0])[1]
    for column in columns:
        row += ROW
        across = MARGIN + COLUMN * column
        for room in ROOMS:
            if place(room)[1] == row and abs(place(room)[0] - across) < WIDTH / 2 + 4:
                raise ValueError(f"{line} runs through {room}: give it another way in WAYS.")
        points += [(across, row - HEIGHT / 2), (across, row + HEIGHT / 2)]
    points.append((x_end, y_end))
    told = f"M{x:.0f} {y:.0f}"
    for (a, b), (c, d) in pairwise(points):
        middle = (b + d) / 2
        told += f" C{a:.0f} {middle:.0f} {c:.0f} {middle:.0f} {c:.0f} {d:.0f}"
    return told


def draw() -> str:
    """Return the picture as SVG."""
    if ROOMS.keys() != set().union(*FLOORS):
        raise ValueError(f"ROOMS and FLOORS differ in {ROOMS.keys() ^ set().union(*FLOORS)}.")
    width, height = 2 * MARGIN + COLUMN * 5.4, TOP + ROW * len(FLOORS) - 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        'font-family="system-ui, Helvetica, Arial, sans-serif" text-anchor="middle">',
        "<title>The floors of torch_specinv and the imports between them</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#6b7080"/></marker>'
        "</defs>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="14" fill="white"/>',
    ]
    for level in range(len(FLOORS)):
        y = TOP + ROW * level - HEIGHT / 2 - 8
        out.append(
            f'<rect x="8" y="{y:.0f}" width="{width - 16:.0f}" height="{HEIGHT + 16}" rx="10" '
            'fill="#f8f8fa"/>'
        )
    among = lines()
    out += [
        f'<path d="{path(line, among)}" fill="none" stroke="#6b7080" stroke-width="1.5" '
        f'marker-end="url(#tip)"><title>{line[0]} imports {line[1]}</title></path>'
        for line in among
    ]
    for room, (about, kind, _) in ROOMS.items():
        x, y = place(room)
        fill, edge = COLOURS[kind]
        wide = NARROW if room in FLOORS[0] else WIDTH
        out.append(
            f'<rect x="{x - wide / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{wide}" '
            f'height="{HEIGHT}" rx="8" fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'
            f'<text x="{x:.0f}" y="{y - 3:.0f}" font-size="16" font-weight="600" '
            f'fill="#1d2230">{room}</text>'
            f'<text x="{x:.0f}" y="{y + 14:.0f}" font-size="12.5" fill="#4a5060">{about}</text>'
        )
    for i, (kind, text) in enumerate(LEGEND.items()):
        x, (fill, edge) = 40 + 262 * i, COLOURS[kind]
        out.append(
            f'<rect x="{x}" y="11" width="14" height="14" rx="3" fill="{fill}" stroke="{edge}" '
            f'stroke-width="1.5"/><text x="{x + 22}" y="23" font-size="13.5" fill="#4a5060" '
            f'text-anchor="start">{text}</text>'
        )
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
