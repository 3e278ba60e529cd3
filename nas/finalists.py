# SPDX-License-Identifier: Apache-2.0
"""From the best architectures to deployed networks: trained alone, quantized, and checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mcuforge.compiler.compile import PlanOptions
from mcuforge.errors import InternalError
from mcuforge.flow.deployment import deploy_to
from mcuforge.flow.host import check_on_host
from mcuforge.flow.session import open_session
from mcuforge.nas.genes import Genome
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.setting import Setting
from mcuforge.nas.supernets import Supernet
from mcuforge.nas.training.batches import inputs
from mcuforge.nas.training.finetune import finetune, fresh, inherited, qat, write_onnx
from mcuforge.nas.training.int8 import Int8Network, quantized
from mcuforge.nas.training.recipe import Recipe, quantization_recipe
from mcuforge.nas.training.run import Always, Diverged, Divided
from mcuforge.nas.training.supernet import evaluate
from mcuforge.nas.training.trainer import train
from mcuforge.nas.training.weights import Weights
from mcuforge.report.files import write_whole
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages
from mcuforge.report.search import Costs, Finalist, Training

MOST_LOST = 0.01  # of accuracy by quantizing; more asks for quantization-aware training
TEST_FILE = "test.npz"


@dataclass(frozen=True, eq=False)
class SharedAccuracy:
    """A function: the accuracy of an architecture with shared weights, on the held-out samples."""

    weights: Weights
    setting: Setting

    def __call__(self, genome: Genome) -> float:
        architecture = self.setting.space.architecture(genome)
        return evaluate(
            self.weights, architecture, self.setting.data, images=self.setting.budget.held
        )


@dataclass(frozen=True, eq=False)
class AloneAccuracy:
    """A function: the accuracy of an architecture trained alone by `recipe`, on the held-out part.

    `shared`: what training starts from; None: from nothing.
    """

    shared: Weights | None
    setting: Setting
    recipe: Recipe

    def __call__(self, genome: Genome) -> float:
        setting = self.setting
        architecture = setting.space.architecture(genome)
        if self.shared is None:
            weights = fresh(architecture, setting.task, self.recipe.seed)
        else:
            weights = inherited(self.shared, architecture, setting.task)
        try:
            train(
                weights,
                Always(architecture),
                setting.data,
                self.recipe,
                teacher=setting.teacher,
                device=setting.device,
            )
        except Diverged:
            return 0.0  # not a network to go on with
        return evaluate(weights, architecture, setting.data)


@dataclass(frozen=True, eq=False)
class Deployed:
    """A finalist, and the report of its deployment."""

    finalist: Finalist
    report: Report


class Finals:
    """Trains and deploys finalists of one search."""

    def __init__(
        self,
        setting: Setting,
        supernet: Supernet,
        stages: Stages,
        spent: Callable[[str], AbstractContextManager[Callable[[], float]]],
        divided: Divided,
    ) -> None:
        """`spent`: times a stage of that name; what it yields says the core seconds so far.

        `divided`: see trainer.train.
        """
        self._setting = setting
        self._supernet = supernet
        self._stages = stages
        self._spent = spent
        self._divided = divided

    def deploy(self, name: str, genome: Genome, costs: Costs) -> Deployed:
        """Train to the end, quantize, and ask the board. `costs`: of its plan without weights."""
        setting, space = self._setting, self._setting.space
        folder = setting.folder / "finalists" / name
        folder.mkdir(parents=True, exist_ok=True)
        architecture = space.architecture(genome)
        graph = graph_of(architecture, setting.task)
        with self._spent(f"training {name}") as seconds:
            recipe, network, aware = self._trained(name, genome, folder)
            core_seconds = seconds()
        file = folder / f"{name}_int8.onnx"
        write_whole(file, network.file)
        with self._spent(f"checking {name}"):
            report, finalist_checks = self._checked(name, file)
        test = quantized(folder / f"{name}.onnx", setting.data, "test")
        if test.file != network.file:
            raise InternalError(f"{file} was quantized twice and differs")
        host_samples, host_accuracy = finalist_checks
        samples = recipe.images + (setting.budget.aware_samples if aware else 0)
        return Deployed(
            Finalist(
                name=name,
                genome=space.text(genome),
                choices=space.choices(genome),
                macs=graph.macs,
                parameters=graph.parameters,
                file=file.relative_to(setting.folder).as_posix(),
                held_out_float=network.float_accuracy,
                held_out_int8=network.int8_accuracy,
                quantization_aware=aware,
                test_float=test.float_accuracy,
                test_int8=test.int8_accuracy,
                host_samples=host_samples,
                host_accuracy=host_accuracy,
                board_samples=report.check.samples,
                board_accuracy=report.check.accuracy,
                estimated=costs,
                deployed=Costs(report.ram.total, report.flash.total, report.run.instructions),
                training=Training(samples, core_seconds, setting.device, recipe.as_dict()),
            ),
            report,
        )

    def _trained(self, name: str, genome: Genome, folder: Path) -> tuple[Recipe, Int8Network, bool]:
        """The recipe, the int8 network, and whether training had to know about rounding."""
        setting, data = self._setting, self._setting.data
        architecture = setting.space.architecture(genome)
        recipe = setting.recipe(setting.budget.final_samples, setting.workers)
        with self._stages.paced(f"training {name}", setting.data.kind) as progress:
            weights = finetune(
                self._start(genome),
                architecture,
                data,
                recipe,
                teacher=setting.teacher,
                checkpoint=folder / "training.npz",
                progress=progress,
                device=setting.device,
                divided=self._divided,
            )
        path = folder / f"{name}.onnx"
        write_onnx(path, weights, architecture, setting.task)
        network = quantized(path, data)
        if network.float_accuracy - network.int8_accuracy <= MOST_LOST:
            return recipe, network, False
        with self._stages.paced(f"training {name} with rounding", setting.data.kind) as progress:
            aware = qat(
                weights,
                architecture,
                data,
                quantization_recipe(recipe, setting.budget.aware_samples),
                teacher=setting.teacher,
                checkpoint=folder / "rounding.npz",
                progress=progress,
                device=setting.device,
                divided=self._divided,
            )
        write_onnx(path, aware, architecture, setting.task)
        better = quantized(path, data)
        if better.int8_accuracy > network.int8_accuracy:
            return recipe, better, True
        write_onnx(path, weights, architecture, setting.task)
        return recipe, network, False

    def _start(self, genome: Genome) -> Weights:
        """What training starts from: shared weights, or new ones for other kinds of blocks."""
        space, task = self._supernet.feasible.space, self._setting.task
        architecture = space.architecture(genome)
        if space.genes.is_genome(genome):
            return inherited(self._supernet.weights, architecture, task)
        return fresh(architecture, task, self._setting.seed)

    def _checked(self, name: str, file: Path) -> tuple[Report, tuple[int, float]]:
        """The board's report, and the samples and accuracy of the C on this machine."""
        setting, budget = self._setting, self._setting.budget
        data, options = self._test_file(), setting.target.options
        session = open_session(file, setting.board.id, emulate=True)
        report = deploy_to(session, self._stages, data=data, samples=budget.board, options=options)
        with self._stages.stage(f"running {name} on this machine"):
            ran = check_on_host(file, data, budget.host, PlanOptions(goal=options.goal))
        if ran.check.mismatched_elements or ran.check.accuracy is None:
            raise InternalError(f"{file}: the C on this machine differs from the reference")
        return report, (ran.check.samples, ran.check.accuracy)

    def _test_file(self) -> Path:
        """The test part as `deploy` reads it; written once."""
        setting = self._setting
        path, data = setting.folder / TEST_FILE, setting.data
        if not path.exists():
            if data.test_x is None or data.test_y is None:
                raise InternalError(f"{data.origin} has no test part")
            with TemporaryDirectory(dir=setting.folder) as folder:
                fresh_file = Path(folder) / TEST_FILE
                np.savez_compressed(fresh_file, x=inputs(data.test_x, data).numpy(), y=data.test_y)
                fresh_file.replace(path)
        return path
