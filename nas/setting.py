# SPDX-License-Identifier: Apache-2.0
"""What one search is about: opened once, and the same whenever its folder is opened again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.estimate import Target
from mcuforge.errors import CompileError
from mcuforge.flow.candidates import target_of
from mcuforge.nas.architecture import Task
from mcuforge.nas.augment import Teacher
from mcuforge.nas.budgets import BUDGETS, Budget, BudgetName
from mcuforge.nas.data import Data, load
from mcuforge.nas.judge import digest
from mcuforge.nas.space import Space, load_space
from mcuforge.nas.training.recipe import Recipe, recipe_for
from mcuforge.report.files import write_whole
from mcuforge.version import VERSION

IDENTITY = "search.json"
LARGEST = Path("largest")  # the teacher that is no file
FEWEST_EACH = 4  # samples of a batch for a worker: fewer have no statistics


@dataclass(frozen=True, eq=False)
class Setting:
    """A search's space, board, limits, data and extent, and the folder it keeps everything in."""

    space: Space
    task: Task
    data: Data
    board: Board
    target: Target
    flash: int | None  # that a network may take; None: all that the target has
    budget: Budget
    budget_name: str
    seed: int
    flip: bool | None  # None: as the recipe for such data has it
    teacher: Teacher | None
    from_largest: bool  # shared weights learn from those of the largest network
    workers: int
    device: Literal["cpu", "cuda"]
    folder: Path
    command: str  # that runs the search again

    @property
    def identity(self) -> Mapping[str, object]:
        """Everything that the result depends on, besides versions of libraries."""
        return {
            "mcuforge": VERSION,
            "space": f"{self.space.name} {self.space.digest}",
            "data": f"{self.data.origin} {self.data.digest}",
            "board": self.board.id,
            "limits": f"RAM {self.target.ram}, flash {self.flash or self.target.flash}, "
            f"instructions {self.target.max_instructions}",
            "budget": f"{self.budget_name} {digest(asdict(self.budget))}",
            "seed": self.seed,
            "flip": self.flip,
            "teacher": self._taught_by,
            "device": self.device,
            "workers": self.workers,
        }

    def recipe(self, samples: int, workers: int) -> Recipe:
        """How networks of this search are trained, for so many samples."""
        recipe = recipe_for(
            self.task,
            tokens=self.space.per_network is not None,
            images=samples,
            batch=self.budget.batch,
            seed=self.seed,
            workers=workers,
        )
        return recipe if self.flip is None else replace(recipe, flip=self.flip)

    @property
    def _taught_by(self) -> str | None:
        if self.from_largest:
            return str(LARGEST)
        return None if self.teacher is None else self.teacher.digest


def open_setting(
    space: str,
    board: str,
    data: Path,
    *,
    budget: BudgetName = "quick",
    seed: int = 0,
    ram: int | None = None,
    flash: int | None = None,
    max_instructions: float | None = None,
    teacher: Path | None = None,
    flip: bool | None = None,
    workers: int = 2,
    out: Path | None = None,
) -> Setting:
    """Read space, data, teacher and board; raises CompileError or BoardError.

    A folder that holds another search is refused: its answers are not those of this one.
    """
    command = _command(dict(locals()))
    chosen, extent = load_space(space), BUDGETS[budget]
    samples = load(data, seed=seed)
    if extent.batch < FEWEST_EACH * workers:
        raise CompileError(
            f"{workers} workers share batches of {extent.batch} samples, expected "
            f"{FEWEST_EACH} or more for each",
            "--workers",
            f"--workers {extent.batch // FEWEST_EACH} at most, or a larger --budget",
        )
    from_largest = teacher == LARGEST
    taught = None if teacher is None or from_largest else Teacher.load(teacher, samples)
    if taught is not None and flip is False:
        taught = taught.unmirrored()
    device = _device()
    if extent.train is not None:
        samples = _fewer(samples, extent.train)
    if len(samples.shape) != len(chosen.task.shape):
        wanted = "images" if len(chosen.task.shape) == 3 else "series"
        raise CompileError(
            f"{samples.origin} holds {samples.kind}, the space {chosen.name} is for {wanted}",
            str(data),
            "take another space: `mcuforge search --help` lists them",
        )
    chip = emulated(load_board(board))
    options = PlanOptions(ram_budget=ram)
    setting = Setting(
        chosen,
        Task(samples.shape, samples.classes),
        samples,
        chip,
        target_of(chip, options, max_instructions=max_instructions),
        flash,
        extent,
        budget,
        seed,
        flip,
        taught,
        from_largest,
        1 if device == "cuda" else workers,
        device,
        out or Path(f"search-{chosen.name}-{chip.id}"),
        command,
    )
    _claim(setting)
    return setting


def _device() -> Literal["cpu", "cuda"]:
    """Where networks are trained."""
    if find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _command(arguments: Mapping[str, object]) -> str:
    """The command line that asks for the same."""
    words = ["mcuforge", "search"]
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            words += [f"--{flag}", f"{value:.0f}" if isinstance(value, float) else str(value)]
    return shlex.join(words)


def _fewer(data: Data, count: int) -> Data:
    """The first samples of the training part; a search that is quick reads no more."""
    if len(data.train_y) <= count:
        return data
    return replace(data, train_x=data.train_x[:count], train_y=data.train_y[:count])


def _claim(setting: Setting) -> None:
    """Write what the folder is about, or compare it with what is written there."""
    path = setting.folder / IDENTITY
    mine = dict(setting.identity)
    if path.exists():
        try:
            there = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise CompileError(
                f"what this folder is about cannot be read: {error}",
                str(path),
                "delete the folder, or name another with --out",
            ) from None
        differs = [key for key in mine if there.get(key) != mine[key]]
        if differs:
            key = differs[0]
            raise CompileError(
                f"the folder holds a search with {key} '{there.get(key)}', this one has "
                f"'{mine[key]}'",
                str(setting.folder),
                "name another folder with --out, or delete this one",
            )
        return
    try:
        setting.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(mine, indent=1) + "\n")
    except OSError as error:
        raise CompileError(
            f"the folder cannot be written: {error}", str(setting.folder), "name another with --out"
        ) from None
