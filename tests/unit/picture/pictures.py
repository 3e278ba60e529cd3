# SPDX-License-Identifier: Apache-2.0
"""Pictures of plans no model is needed for: deep networks, pipelines, regions, hostile names."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from mcuforge.picture.record import (
    Column,
    Deciding,
    DrawnBuffer,
    PlanPicture,
    RegionBand,
    StageSpan,
    live_bytes,
    share_bytes,
)

HOSTILE = (
    "<script>document.title='stolen'</script>",
    '"><img src=x onerror="document.title=\'stolen\'">',
    "</title></svg></style><b>&amp;]]>",
    "{{ 7 * 7 }}{% raw %}[red]{# #}",
    "nul\x00 bell\x07 escape\x1b[31m line\nbreak \u202eturned\u202c half\ud800",
    "名前" * 40,
    "x" * 5000,
    "'; --",
)


def chain(layers: int, *, pipeline: int = 0, name: str = "block{}/conv") -> PlanPicture:
    """A chain of layers, tensors at both ends of the arena in turn, the first the largest.

    Every third layer writes over its input. The first `pipeline` layers are one stage with rings
    of three rows between them.
    """
    sizes = [max(64, 24576 * 8 // (8 + i) // 4 * 4) for i in range(layers + 1)]
    arena = max(a + b for a, b in pairwise(sizes))
    stages = [StageSpan("pipeline 1", 0, pipeline)] if pipeline else []
    stages += [StageSpan("", i, i + 1) for i in range(pipeline, layers)]
    columns, buffers = [], []
    low, reached = True, 0
    for i, size in enumerate(sizes):
        begin, end = max(0, i - 1), min(i + 1, layers)
        ring = 0 < i < pipeline
        if ring:
            size = 96 * (1 + i % 3)
            begin, end = 0, pipeline
            offset = 24576 - 4096 + reached
            reached += size
        elif pipeline and i in (0, pipeline):
            begin, end = 0, min(pipeline + bool(i), layers)
            offset = 0 if i == 0 else 2048
        else:
            over = i % 3 == 0 and 0 < i < layers
            low = low if over else not low
            offset = 0 if low else arena - size
        buffers.append(
            DrawnBuffer(
                name=name.format(i),
                bytes=size,
                begin=begin,
                end=end,
                region="ram",
                offset=offset,
                kind="ring" if ring else "input" if i == 0 else "tensor",
                rows=(3, 48) if ring else None,
                shape=(1, 48, 2 * (1 + i % 3), 16),
                dtype="int8",
            )
        )
    buffers[-1] = replace(buffers[-1], kind="output")
    for i in range(layers):
        stage = max(0, i - pipeline + bool(pipeline))
        label, op = name.format(i), ("conv2d", "depthwise_conv2d", "add")[i % 3]
        columns.append(Column(label, op, stage, (1, 48, 2, 16), "int8", buffers[i + 1].name))
    drawn = with_overlaps(buffers)
    peak = max(b.offset + b.bytes for b in drawn)
    picture = PlanPicture(
        model="chain.tflite",
        board="disco_f746ng",
        columns=tuple(columns),
        stages=tuple(stages),
        regions=(RegionBand("ram", 65536, peak),),
        buffers=drawn,
        deciding=None,
        arena=peak,
        lower_bound=peak - 1024,
        optimal=False,
        solver="exact",
        budget=65536,
    )
    return decided(picture)


def with_overlaps(buffers: list[DrawnBuffer]) -> tuple[DrawnBuffer, ...]:
    """The buffers with the names of those each shares bytes with."""
    return tuple(
        replace(b, overlaps=tuple(o.name for o in buffers if o is not b and share_bytes(b, o)))
        for b in buffers
    )


def decided(picture: PlanPicture) -> PlanPicture:
    """The picture with its fullest column as the deciding moment of the first region."""
    region = picture.regions[0].name
    inside = replace(picture, regions=picture.regions[:1])
    live = live_bytes(inside)
    at = live.index(max(live))
    stage = picture.stages[picture.columns[at].stage]
    names = tuple(b.name for b in picture.buffers if b.region == region and b.begin <= at < b.end)
    return replace(picture, deciding=Deciding(region, stage.begin, stage.end, live[at], names))


def in_regions(layers: int) -> PlanPicture:
    """A chain over two memories, one of them filled to the brim and over, and a third unused."""
    picture = chain(layers, pipeline=min(6, layers))
    buffers = [
        replace(b, region="dtcm", offset=b.offset % 5000) if i % 4 == 1 else b
        for i, b in enumerate(picture.buffers)
    ]
    drawn = with_overlaps(buffers)

    def peak(region: str) -> int:
        return max(b.offset + b.bytes for b in drawn if b.region == region)

    regions = (
        RegionBand("ram", peak("ram") - 700, peak("ram")),
        RegionBand("dtcm", peak("dtcm") + 900, peak("dtcm")),
        RegionBand("sdram", 8 << 20, 0),
    )
    arena = sum(region.peak for region in regions)
    return decided(
        replace(
            picture,
            buffers=drawn,
            regions=regions,
            arena=arena,
            lower_bound=arena,
            optimal=True,
            budget=sum(region.bytes for region in regions),
        )
    )


def hostile() -> PlanPicture:
    """A chain whose model, board, layers, buffers and regions have names made to break a reader."""
    picture = in_regions(len(HOSTILE))
    names = {b.name: HOSTILE[i % len(HOSTILE)] + str(i) for i, b in enumerate(picture.buffers)}
    homes = {r.name: f"{HOSTILE[i]}{r.name}" for i, r in enumerate(picture.regions)}
    deciding = picture.deciding
    assert deciding is not None
    return replace(
        picture,
        model=HOSTILE[0],
        board=HOSTILE[1],
        columns=tuple(
            replace(c, label=HOSTILE[i], op="conv2d", buffer=names[c.buffer])
            for i, c in enumerate(picture.columns)
        ),
        stages=tuple(replace(s, name=s.name and HOSTILE[2]) for s in picture.stages),
        regions=tuple(replace(r, name=homes[r.name]) for r in picture.regions),
        buffers=tuple(
            replace(
                b,
                name=names[b.name],
                region=homes[b.region],
                overlaps=tuple(names[o] for o in b.overlaps),
            )
            for b in picture.buffers
        ),
        deciding=replace(
            deciding,
            region=homes[deciding.region],
            buffers=tuple(names[b] for b in deciding.buffers),
        ),
    )
