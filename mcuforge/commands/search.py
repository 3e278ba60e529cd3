# SPDX-License-Identifier: Apache-2.0
"""`mcuforge search`: the most accurate network of a space that fits a board."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from mcuforge.commands.numbers import bytes_of, count_of
from mcuforge.commands.options import (
    BoardId,
    Json,
    Quiet,
    progress,
    report_verdict,
    with_flags,
)
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.report.search import SearchReport


@dataclass(frozen=True)
class Request:
    """What to search, for which board, and how much; the arguments of `mcuforge search`.

    `out` None: a folder named after space and board.
    """

    space: Annotated[
        str,
        Option(
            metavar="NAME",
            help="cnn32, hybrid32, vit32, ts1d, vit240_t, vit240_s, or a .toml file of your own.",
        ),
    ]
    board: BoardId
    data: Annotated[
        Path,
        Option(
            "--data",
            "-d",
            metavar="PATH",
            help="Labelled samples: an .npz file, a folder with a folder of images for each "
            "class, or the word digits.",
        ),
    ]
    _: KW_ONLY
    budget: Annotated[
        Literal["quick", "standard", "long"],
        Option(help="quick: minutes; standard: some core-hours; long: a day of cores."),
    ] = "quick"
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "-o",
            metavar="DIR",
            help="What was found so far, the models and the report; the same command goes on.",
        ),
    ] = None
    seed: Annotated[int, Option(min=0, metavar="N", help="Of everything that is drawn.")] = 0
    ram: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="RAM that a network may take: 16K; without it all of the board's.",
        ),
    ] = None
    flash: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="Flash that a network may take; without it all of the board's.",
        ),
    ] = None
    max_instructions: Annotated[
        float | None,
        Option(
            metavar="N",
            parser=count_of,
            help="Instructions that an inference may take: 12.9M. k is 1,000, M a million.",
        ),
    ] = None
    teacher: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="An .npz file with a teacher's logits of the training samples, see docs; or the "
            "word largest: shared weights learn from those of the largest network.",
        ),
    ] = None
    flip: Annotated[
        bool | None,
        Option(
            "--flip/--no-flip",
            help="Train on mirrored images too; without it, square ones with colours are mirrored.",
        ),
    ] = None
    workers: Annotated[
        int, Option(min=1, metavar="N", help="Processes of one thread that train and evaluate.")
    ] = 2
    ray_address: Annotated[
        str | None,
        Option(metavar="ADDRESS", help="A Ray cluster to train and evaluate on: auto, host:port."),
    ] = None


def search(request: Request, stages: Stages | None = None) -> SearchReport:
    """Search a space for a board: see nas.search."""
    from mcuforge.nas import search as run

    wanted = {f.name: getattr(request, f.name) for f in fields(request)}
    return run(**wanted, stages=stages or progress(quiet=True))


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Search for the most accurate network that fits a board; train, quantize and deploy it."""
    from mcuforge.report.search import SearchReport
    from mcuforge.report.search_text import print_search

    report_verdict(SearchReport, partial(search, request), print_search, json, quiet)
