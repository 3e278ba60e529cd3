# SPDX-License-Identifier: Apache-2.0
"""A planned schedule as C: model.h, model.c, weights.h, weights.c."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcuforge.compiler.codegen import lines
from mcuforge.compiler.codegen.calls import CallPrinter, LayerText
from mcuforge.compiler.codegen.constants import StoredConstants, collect, identified, store
from mcuforge.compiler.codegen.names import comment, identifier
from mcuforge.compiler.codegen.ports import Arena, Port, arenas_of
from mcuforge.compiler.codegen.stages import StageText, stage_texts
from mcuforge.compiler.schedule.memory import ALIGNMENT
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.weights import PlaceWeights
from mcuforge.memplan.problem import Placement
from mcuforge.templates import templates

TEMPLATES = templates(Path(__file__).resolve().parent / "templates")
TEMPLATES.globals.update(
    call=lines.call, block=lines.comment_block, listing=lines.comment_lines, table=lines.table
)


@dataclass(frozen=True)
class GeneratedModel(StoredConstants):
    """A generated model: what the templates, the check firmware and the reports need."""

    name: str  # prefix of every public symbol
    arenas: tuple[Arena, ...]
    steps: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[LayerText, ...]
    kernels: tuple[str, ...]
    files: Mapping[str, str]  # file name -> text

    @property
    def arena_bytes(self) -> int:
        """Bytes of all arenas together."""
        return sum(arena.bytes for arena in self.arenas)

    @property
    def streamed(self) -> tuple[Port, ...]:
        """The inputs whose rows are asked for."""
        return tuple(port for port in self.inputs if port.streamed)


def render(template: str, **view: object) -> str:
    """Render one template of this package."""
    return TEMPLATES.get_template(template).render(view)


def generate(
    schedule: Schedule,
    placements: Mapping[str, Placement],
    peaks: Mapping[str, int],
    place_weights: PlaceWeights | None = None,
) -> GeneratedModel:
    """Generate C for `schedule`, its buffers placed by `placements`; `peaks`: bytes per region.

    A region with bytes in use is an arena of the C. `place_weights` names the flash region of the
    constant arrays that leave the image's flash, by the array's name in the C; InternalError for
    the name of an unknown array. The text depends on the arguments alone: it holds no date and no
    path.
    """
    pool = collect(schedule)
    arenas = arenas_of(peaks)
    printer = CallPrinter(schedule, placements, arenas, pool)
    stages = stage_texts(schedule, tuple(identified(schedule)), printer)
    model = GeneratedModel(
        **vars(store(schedule, pool, place_weights)),
        name=identifier(schedule.graph.name),
        arenas=arenas,
        steps=len(schedule.steps),
        inputs=tuple(printer.port(t) for t in schedule.graph.inputs),
        outputs=tuple(printer.port(t) for t in schedule.graph.outputs),
        layers=tuple(layer for stage in stages for layer in stage.layers),
        kernels=tuple(sorted({c.kernel for layer in schedule.layers for c in layer.calls})),
        files={},
    )
    return replace(model, files=_files(model, comment(schedule.graph.name), stages))


def _files(model: GeneratedModel, title: str, stages: Sequence[StageText]) -> dict[str, str]:
    """Render the templates: every file's text by its name."""
    pipelines = [stage for stage in stages if stage.function]
    view = vars(model) | {
        "NAME": model.name.upper(),
        "title": title,
        "alignment": ALIGNMENT,
        "streamed": [number for number, port in enumerate(model.inputs) if port.streamed],
        "stages": stages,
        "pipelines": pipelines,
        "single_arenas": sorted({a for s in stages if not s.function for a in s.arenas}),
        "most_layers": max((len(stage.layers) for stage in pipelines), default=0),
        "pieces": any(stage.pieces for stage in pipelines),
        "rings": any("mcuforge_ring_row(" in t for s in pipelines for t in _addresses(s.layers)),
        "sections": {name: f".mcuforge_weights.{place}" for name, place in model.flash.items()},
    }
    files = ("model.h", "model.c", "weights.h", "weights.c")
    return {file: render(f"{file}.j2", **view) for file in files}


def _addresses(layers: tuple[LayerText, ...]) -> list[str]:
    """List every argument and destination of the layers."""
    calls = [call for layer in layers for group in layer.groups for call in group.calls]
    return [argument for call in calls for argument in call.arguments] + [x.to for x in layers]


def example_main(model: GeneratedModel) -> str:
    """Write a minimal main.c that shows how to use the generated model."""
    return render(
        "main.c.j2",
        name=model.name,
        NAME=model.name.upper(),
        arenas=model.arenas,
        inputs=model.inputs,
        output=model.outputs[0],
        streamed=[number for number, port in enumerate(model.inputs) if port.streamed],
    )
