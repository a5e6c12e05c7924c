"""Lines over frames as an SVG picture: enough for the pages of `docs/`, without a plotting library."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 720, 320, 48
COLORS = ("#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#6a4c93", "#777777")


def lines(path: Path, title: str, unit: str, series: Mapping[str, Sequence[float]], step: int = 1) -> None:
    """Draw every series from left to right, one value after every `step` frames."""
    values = [value for line in series.values() for value in line]
    low, high = min(0.0, *values), max(0.0, *values)
    last = max(map(len, series.values())) - 1

    def place(number: int, value: float) -> str:
        x = MARGIN + (WIDTH - 2 * MARGIN) * number / max(1, last)
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / ((high - low) or 1)
        return f"{x:.1f},{y:.1f}"

    def text(x: float, y: float, words: str, color: str = "#222222") -> str:
        return f'<text x="{x}" y="{y}" fill="{color}">{escape(words)}</text>'

    zero = " ".join(place(number, 0) for number in (0, last))
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(MARGIN, 20, title)]
    parts.append(f'<polyline points="{zero}" stroke="#bbbbbb"/>')
    for value in (low, 0.0, high):
        parts.append(text(4, float(place(0, value).split(",")[1]) + 4, f"{value:+.1f}"))
    parts += [text(4, HEIGHT - 8, unit), text(WIDTH - MARGIN - 40, HEIGHT - 8, f"frame {step * (last + 1) - 1}")]
    for number, (name, line) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        points = " ".join(place(at, value) for at, value in enumerate(line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(text(MARGIN + 8 + 165 * number, 40, name, color))
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *parts, "</svg>", ""]))
