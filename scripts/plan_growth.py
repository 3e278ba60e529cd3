# SPDX-License-Identifier: Apache-2.0
"""Measure how the planner's time grows with a network, and draw it for docs/plan_growth.md.

    python -m scripts.plan_growth            measures (minutes), then writes the three files
    python -m scripts.plan_growth --draw     draws the figures of docs/plan_growth.json again

A measurement is the CPU seconds of one `plan_graph` for a Cortex-M7 with ample RAM, without the
time that imports take. Planning itself reads no clock, so only these figures depend on the machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.compile import plan_graph
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.nas.networks import Blocks, InvertedNet, ResidualNet, Stage, VitNet
from scripts.make_osnet import STAGES, Size, osnet

DOCS = Path(__file__).resolve().parent.parent / "docs"
AMPLE_BYTES = 1 << 26
BEGIN = "<!-- growth (`python -m scripts.plan_growth` writes this) -->\n"
END = "<!-- end of growth -->\n"


@dataclass(frozen=True)
class Point:
    """One network that was planned."""

    panel: str  # what grows: a key of PANELS
    family: str
    count: int  # of blocks, or of branches per block
    operators: int
    seconds: float


def residual(blocks: int) -> Graph:
    """Residual blocks of two 3x3 convolutions, 32 channels wide."""
    return ResidualNet(16, (Stage(32, blocks),)).graph()


def inverted(blocks: int) -> Graph:
    """Inverted residuals, 24 channels wide."""
    return InvertedNet(16, (Stage(24, blocks, expansion=4),), last=0).graph()


def transformer(blocks: int) -> Graph:
    """Transformer blocks over 64 tokens, 96 wide, with 3 heads."""
    return VitNet(Blocks(96, (384,) * blocks, (3,) * blocks, head_width=32), patch=4).graph()


def osnet_blocks(blocks: int) -> Graph:
    """OSNet's three stages, the blocks shared out evenly."""
    return read_tflite(write_model(osnet(Size(blocks=blocks // len(STAGES)))))


def osnet_branches(branches: int) -> Graph:
    """OSNet's six blocks; stream k has k convolutions."""
    return read_tflite(write_model(osnet(Size(branches=branches))))


@dataclass(frozen=True)
class Family:
    """Networks that grow: how to make one of them, and the counts to measure."""

    panel: str
    name: str
    make: Callable[[int], Graph]
    counts: tuple[int, ...]


FAMILIES = (
    Family("blocks", "residual CNN", residual, (1, 2, 4, 8, 12, 18, 24)),
    Family("blocks", "inverted residuals", inverted, (1, 2, 4, 8, 12, 18, 24)),
    Family("blocks", "transformer", transformer, (1, 2, 4, 8, 12, 18, 24)),
    Family("OSNet blocks", "OSNet", osnet_blocks, (3, 6, 9)),
    Family("branches", "OSNet", osnet_branches, (1, 2, 3, 4)),
)


def measured() -> Iterator[Point]:
    """Plan every network once; print each as it is done."""
    plan_graph(residual(1), "armv7em", AMPLE_BYTES)  # imports what planning needs
    for family in FAMILIES:
        for count in family.counts:
            graph = family.make(count)
            begun = process_time()
            plan_graph(graph, "armv7em", AMPLE_BYTES)
            seconds = round(process_time() - begun, 2)
            point = Point(family.panel, family.name, count, len(graph.nodes), seconds)
            print(f"{point.family}, {count} {point.panel}: {seconds} s", flush=True)
            yield point


# ----- the picture: panels side by side, linear axes from 0, so that linear growth is a line

WIDTH, HEIGHT = 960, 400
TOP, BOTTOM = 64, 340  # of all panels
PANELS = {  # its left and right edge, and the name of its axis
    "blocks": (56, 320, "blocks of a chain"),
    "OSNet blocks": (516, 676, "blocks of OSNet"),
    "branches": (740, 900, "branches of OSNet's 6 blocks"),
}
COLOURS = {  # Okabe and Ito's, which people with colour-blindness can tell apart
    "residual CNN": "#0072b2",
    "inverted residuals": "#e69f00",
    "transformer": "#009e73",
    "OSNet": "#d55e00",
}
LABEL_GAP = 15


def ticks(most: float) -> list[int]:
    """Round numbers from 0 to the first that is not below `most`: seven at the most."""
    step = next(s for s in (1, 2, 3, 4, 5, 10, 20, 50, 100, 200, 500) if most / s <= 6)
    return list(range(0, -int(-most // step) * step + 1, step))


def drawing(points: list[Point]) -> str:
    """The picture as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#333">',
        "<title>CPU seconds of planning against the size of the network</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(24, 28, "CPU seconds to plan a network", 'font-size="17" font-weight="bold"'),
    ]
    for panel in PANELS:
        lines += _panel(panel, [p for p in points if p.panel == panel])
    return "\n".join([*lines, "</svg>"]) + "\n"


def _panel(panel: str, points: list[Point]) -> Iterator[str]:
    left, right, title = PANELS[panel]
    across, up = ticks(max(p.count for p in points)), ticks(max(p.seconds for p in points))

    def place(count: float, seconds: float) -> tuple[float, float]:
        x = left + (right - left) * count / across[-1]
        return round(x, 1), round(BOTTOM - (BOTTOM - TOP) * seconds / up[-1], 1)

    for second in up:
        _, y = place(0, second)
        colour = "#888" if second == 0 else "#e4e4e4"
        yield f'<path d="M{left} {y}H{right}" stroke="{colour}"/>'
        yield _text(left - 8, y + 4, f"{second}", 'text-anchor="end"')
    for count in across:
        x, y = place(count, 0)
        yield f'<path d="M{x} {y}v5" stroke="#888"/>'
        yield _text(x, y + 20, f"{count}", 'text-anchor="middle"')
    yield _text((left + right) / 2, BOTTOM + 44, title, 'text-anchor="middle"')
    yield _text(left - 24, TOP - 14, "seconds", 'fill="#666"')
    families = {p.family: [q for q in points if q.family == p.family] for p in points}
    lowest = float(BOTTOM + LABEL_GAP)
    for family, line in sorted(families.items(), key=lambda item: item[1][-1].seconds):
        colour = COLOURS[family]
        corners = " ".join("{},{}".format(*place(p.count, p.seconds)) for p in line)
        yield f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        for p in line:
            x, y = place(p.count, p.seconds)
            about = f"{family}, {p.count} {panel}, {p.operators} operators: {p.seconds} s"
            dot = f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}">'
            yield f"{dot}<title>{about}</title></circle>"
        x, y = place(line[-1].count, line[-1].seconds)
        lowest = min(y + 4, lowest - LABEL_GAP)  # beside its line, above the label below
        yield _text(x + 10, lowest, family, f'font-weight="bold" fill="{colour}"')


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{words}</text>'


def table(points: list[Point]) -> Iterator[str]:
    """The figures as lines of Markdown."""
    yield "| network | grows by | count | operators | CPU seconds |"
    yield "|---|---|---|---|---|"
    for p in points:
        yield f"| {p.family} | {p.panel} | {p.count} | {p.operators} | {p.seconds:.2f} |"


def with_table(text: str, points: list[Point]) -> str:
    """The text of a document with its marked table made anew."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    lines = "".join(f"{line}\n" for line in table(points))
    return f"{before}{BEGIN}\n{lines}\n{END}{after}"


def read(path: Path) -> list[Point]:
    """The figures of an earlier run."""
    entries: list[Mapping[str, str | int | float]] = json.loads(path.read_text(encoding="utf-8"))
    return [
        Point(
            str(e["panel"]),
            str(e["family"]),
            int(e["count"]),
            int(e["operators"]),
            float(e["seconds"]),
        )
        for e in entries
    ]


def main() -> None:
    """Measure unless asked only to draw, and write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    figures = DOCS / "plan_growth.json"
    points = read(figures) if parser.parse_args().draw else list(measured())
    lines = ",\n".join(json.dumps(asdict(point)) for point in points)
    figures.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    (DOCS / "plan_growth.svg").write_text(drawing(points), encoding="utf-8")
    page = DOCS / "plan_growth.md"
    page.write_text(with_table(page.read_text(encoding="utf-8"), points), encoding="utf-8")


if __name__ == "__main__":
    main()
