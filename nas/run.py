# SPDX-License-Identifier: Apache-2.0
"""The whole search: what fits, shared weights, evolution and its baselines, finalists, verdict."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from mcuforge.errors import CompileError
from mcuforge.flow.host import host_compiler
from mcuforge.nas.budgets import BudgetName
from mcuforge.nas.compare import Comparison, compare
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.formulas import on_samples
from mcuforge.nas.genes import Genome
from mcuforge.nas.journal import Journal
from mcuforge.nas.judge import Judge, Judged, digest
from mcuforge.nas.methods import SEARCHES, widest
from mcuforge.nas.setting import Setting, open_setting
from mcuforge.nas.statistics import kendall_tau
from mcuforge.nas.supernets import NO_CHOICE, Supernets, spread
from mcuforge.nas.workers import Here, Workers, ray_workers
from mcuforge.picture.search_page import write_search_page
from mcuforge.report.console import open_console
from mcuforge.report.files import write_json
from mcuforge.report.progress import Stages
from mcuforge.report.search import (
    Costs,
    DataFacts,
    Feasibility,
    Finalist,
    KindTrial,
    Limits,
    RankCheck,
    Refused,
    SearchReport,
    SpaceFacts,
)

if TYPE_CHECKING:
    from mcuforge.nas.finalists import Deployed
    from mcuforge.nas.supernets import Supernet
    from mcuforge.nas.training.run import Divided
    from mcuforge.nas.training.weights import Weights

PACKAGES = ("torch", "numpy", "onnxruntime", "pymoo", "scipy", "scikit-learn")
EXAMPLES = 200  # refused architectures that the report shows
TRIAL, TRIED = "kinds of blocks", 8  # networks of each kind
FEWEST_RANKED = 3  # networks, for a rank correlation
REPORT, PAGE, JOURNAL = "report.json", "report.html", "journal.sqlite"
Spent = Callable[[], float]  # core seconds of a stage so far


def search(
    space: str,
    board: str,
    data: Path | str,
    *,
    budget: BudgetName = "quick",
    out: Path | None = None,
    seed: int = 0,
    ram: int | None = None,
    flash: int | None = None,
    max_instructions: float | None = None,
    teacher: Path | str | None = None,
    flip: bool | None = None,
    workers: int = 2,
    ray_address: str | None = None,
    stages: Stages | None = None,
) -> SearchReport:
    """Find the most accurate network of a space that fits a board, and deploy it.

    space: the name of a file in nas/spaces, or a .toml file. board: an id of `mcuforge boards`.
    data: see data.load. ram, flash: bytes, None for all of the board's. max_instructions: of one
    inference. teacher: an .npz file, see augment.Teacher, or "largest": shared weights learn from
    those of the largest network, in about twice the time. flip: train on mirrored images too; None:
    where they have colours. workers: processes of one thread; another number gives another result
    of training. out: the folder of the search; where it holds an interrupted one, that goes on.

    Raises CompileError and BoardError for input that cannot be used.
    """
    _refuse_missing_packages()
    from mcuforge.nas.training.cluster import OnCluster
    from mcuforge.nas.training.workers import train_in_processes

    stages = stages or Stages(open_console(stderr=True), quiet=True)
    setting = open_setting(
        space,
        board,
        Path(data),
        budget=budget,
        seed=seed,
        ram=ram,
        flash=flash,
        max_instructions=max_instructions,
        teacher=None if teacher is None else Path(teacher),
        flip=flip,
        workers=workers,
        out=out,
    )
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(setting.folder / JOURNAL))
        helpers: Workers = Here()
        divided: Divided = train_in_processes
        if ray_address is not None or workers > 1:
            helpers = cluster = stack.enter_context(ray_workers(ray_address, workers))
            divided = train_in_processes if ray_address is None else OnCluster(cluster.ray)
        report = _Search(setting, journal, helpers, divided, stages).run()
    write_json(report, setting.folder / REPORT)
    write_search_page(report, setting.folder / PAGE)
    return report


def _refuse_missing_packages() -> None:
    """Raise CompileError that names the extra `nas`, when a package of it is not installed."""
    missing = [name for name in ("torch", "pymoo", "scipy", "sklearn") if find_spec(name) is None]
    if missing:
        raise CompileError(
            f"{', '.join(missing)}: not installed, expected the packages of a search",
            "this Python",
            "pip install 'mcuforge[nas]'; docs/install.md says how to get PyTorch without CUDA",
        )
    host_compiler()  # what finalists are checked with, hours later


class _Search:
    """The stages of one search."""

    def __init__(
        self,
        setting: Setting,
        journal: Journal,
        workers: Workers,
        divided: Divided,
        stages: Stages,
    ) -> None:
        self._setting = setting
        self._journal = journal
        self._workers = workers
        self._divided = divided
        self._stages = stages
        self._feasible = Feasible(setting.space, setting.task, setting.target, setting.flash)
        self._seconds: dict[str, float] = {}

    def run(self) -> SearchReport:
        """Go through all stages; what an earlier run finished is read from the folder."""
        from mcuforge.nas.finalists import Finals

        setting, stages = self._setting, self._stages
        with stages.stage("asking what fits"), self._spent("what fits"):
            drawn = self._drawn()
            feasibility = self._feasibility()
        supernets = Supernets(setting, self._feasible, stages, self._spent, self._divided)
        trials = self._trials(supernets, drawn)
        kind = trials[0].kind if trials else NO_CHOICE
        supernet = supernets.trained(kind, drawn[kind])
        self._feasible, weights = supernet.feasible, supernet.weights
        context = digest(setting.identity, kind, supernet.recipe)
        comparison, judge = self._compared(weights, context)
        ranks = self._ranks(comparison, context)
        best = self._tried(comparison, weights, context)
        method = next(
            point.method
            for point in comparison.points(lambda one: setting.space.text(one.genome))
            if point.genome == setting.space.text(best.genome)
        )
        finals = Finals(setting, supernet, stages, self._spent, self._divided)
        networks = {method: best.genome}
        for network in setting.space.hand_made if setting.budget.baselines else ():
            genome = widest(judge, network)
            if genome is not None:
                networks[network.name] = genome
        costs = judge.costs(list(networks.values()))
        deployed = [
            finals.deploy(name, genome, Costs(*costs[genome])) for name, genome in networks.items()
        ]
        return self._report(feasibility, trials, supernet, comparison, ranks, deployed)

    def _drawn(self) -> dict[str, list[Genome]]:
        """Architectures that fit, each once, by kind of block where a network has one.

        Kinds of which nothing fits are missing. Raises CompileError if that is all of them.
        """
        kinds = self._setting.space.kinds
        parts = {kind: self._feasible.of_kind(kind) for kind in kinds}
        parts = parts or {NO_CHOICE: self._feasible}
        each = max(1, self._setting.budget.drawn // len(parts))
        drawn = {}
        for kind, feasible in parts.items():
            draws = islice(feasible.draws(Random(self._setting.seed)), each)
            drawn[kind] = list(dict.fromkeys(draws))
        found = {kind: genomes for kind, genomes in drawn.items() if genomes}
        if not found:
            raise self._feasible.nothing_fits()
        return found

    def _feasibility(self) -> Feasibility:
        """What was asked so far, and what it was refused for."""
        asked, text = self._feasible.refusals, self._setting.space.text
        examples = (
            Refused(
                text(genome),
                self._feasible.cost(genome).refused,
                cost.ram,
                cost.flash,
                cost.instructions,
            )
            for genome in islice(self._feasible.refused(), EXAMPLES)
            for cost in [self._feasible.unlimited.cost(genome, exact=False)]
        )
        return Feasibility(
            asked.asked,
            asked.refused,
            dict(sorted(asked.by_limit.items())),
            dict(sorted(asked.by_tier.items())),
            tuple(examples),
            on_samples(self._feasible, self._setting.budget.formulas, self._setting.seed),
        )

    def _trials(
        self, supernets: Supernets, drawn: Mapping[str, Sequence[Genome]]
    ) -> list[KindTrial]:
        """Try every kind of block there is to choose, on networks from small to large."""
        from mcuforge.nas.finalists import SharedAccuracy

        setting = self._setting
        trials = []
        for kind, genomes in drawn.items() if setting.space.kinds else ():
            tried = supernets.tried(kind, genomes)
            context = digest(setting.identity, kind, tried.recipe)
            accuracy = SharedAccuracy(tried.weights, setting)
            judge = Judge(tried.feasible, accuracy, context, self._journal, self._workers, TRIAL)
            chosen = spread(tried.feasible, genomes, TRIED)
            with self._stages.counted(f"evaluating {kind} blocks", len(chosen)) as counter:
                found = [one.accuracy for one in judge.judged(chosen, counter.advance)]
            self._seconds[TRIAL] = self._seconds.get(TRIAL, 0.0) + judge.seconds
            trials.append(KindTrial(kind, tried.recipe.images, len(found), fmean(found or [0.0])))
        return sorted(trials, key=lambda trial: -trial.mean)

    def _compared(self, weights: Weights, context: str) -> tuple[Comparison, Judge]:
        """Every method with every seed, on the same answers."""
        from mcuforge.nas.finalists import SharedAccuracy

        setting, budget = self._setting, self._setting.budget
        accuracy = SharedAccuracy(weights, setting)
        judge = Judge(self._feasible, accuracy, context, self._journal, self._workers)
        seeds = [setting.seed + number for number in range(budget.seeds)]
        hand_made = len(self._feasible.space.hand_made)
        most = budget.seeds * (len(SEARCHES) * budget.evaluations + 1 + hand_made)
        with self._stages.counted("evaluating at most", most) as counter:
            comparison = compare(judge, budget.evaluations, seeds, counter.advance)
        self._seconds["evaluations"] = judge.seconds
        return comparison, judge

    def _ranks(self, comparison: Comparison, context: str) -> RankCheck | None:
        """Compare shared weights with training alone, on networks from good to bad."""
        from mcuforge.nas.finalists import AloneAccuracy

        setting, budget = self._setting, self._setting.budget
        every = comparison.all()
        if budget.ranked < FEWEST_RANKED or len(every) < budget.ranked:
            return None
        step = (len(every) - 1) / (budget.ranked - 1)
        chosen = [every[round(step * number)] for number in range(budget.ranked)]
        recipe = setting.recipe(budget.ranked_samples, 1)
        alone = AloneAccuracy(None, setting, recipe)
        found = self._alone("networks trained alone", alone, context, chosen)
        shared = tuple(judged.accuracy for judged in chosen)
        genomes = tuple(setting.space.text(judged.genome) for judged in chosen)
        return RankCheck(genomes, shared, tuple(found), kendall_tau(shared, found))

    def _tried(self, comparison: Comparison, weights: Weights, context: str) -> Judged:
        """The best of the most accurate architectures, each trained alone for a short time."""
        from mcuforge.nas.finalists import AloneAccuracy

        setting, budget = self._setting, self._setting.budget
        best = comparison.all()[: budget.tried]
        recipe = setting.recipe(budget.tried_samples, 1)
        tried = AloneAccuracy(weights, setting, recipe)
        found = self._alone("first trials", tried, context, best)
        return best[max(range(len(best)), key=lambda i: (found[i], best[i].accuracy))]

    def _alone(
        self,
        question: str,
        accuracy: Callable[[Genome], float],
        context: str,
        networks: Sequence[Judged],
    ) -> list[float]:
        """The accuracies of networks trained alone, in their order; journalled."""
        judge = Judge(self._feasible, accuracy, context, self._journal, self._workers, question)
        with self._stages.counted(f"training {len(networks)} networks", len(networks)) as counter:
            judged = judge.judged([one.genome for one in networks], counter.advance)
        self._seconds[question] = judge.seconds
        return [one.accuracy for one in judged]

    def _report(
        self,
        feasibility: Feasibility,
        kinds: Sequence[KindTrial],
        supernet: Supernet,
        comparison: Comparison,
        ranks: RankCheck | None,
        deployed: Sequence[Deployed],
    ) -> SearchReport:
        setting, space, data = self._setting, self._setting.space, self._setting.data
        winner = deployed[0]
        reasons = [*winner.report.reasons, *self._over(winner.finalist)]
        return SearchReport(
            command=setting.command,
            seed=setting.seed,
            budget=setting.budget_name,
            board=winner.report.board,
            space=SpaceFacts(
                space.name, space.title, space.digest, space.genes.count, len(space.genes)
            ),
            data=DataFacts(
                data.origin,
                data.digest,
                data.kind,
                data.shape,
                data.labels,
                len(data.train_y),
                len(data.held_y),
                min(setting.budget.held or len(data.held_y), len(data.held_y)),
                0 if data.test_y is None else len(data.test_y),
            ),
            limits=self._limits,
            feasibility=feasibility,
            kinds=tuple(kinds),
            supernet=supernet.training,
            supernet_weights=len(supernet.weights),
            methods=comparison.results(),
            points=comparison.points(lambda judged: space.text(judged.genome)),
            ranks=ranks,
            finalists=tuple(one.finalist for one in deployed),
            winner=winner.report,
            stages=dict(self._seconds),
            versions={name: version(name) for name in PACKAGES},
            verdict="fail" if reasons else "pass",
            reasons=tuple(reasons),
        )

    @property
    def _limits(self) -> Limits:
        target = self._setting.target
        return Limits(target.ram, self._feasible.flash, target.max_instructions)

    def _over(self, winner: Finalist) -> Iterator[str]:
        """Yield which limits the deployed network passes although its estimate does not."""
        limits, found, estimate = self._limits, winner.deployed, winner.estimated
        for name, most, counted, expected in (
            ("RAM", limits.ram, found.ram, estimate.ram),
            ("flash", limits.flash, found.flash, estimate.flash),
            ("instructions", limits.instructions, found.instructions, estimate.instructions),
        ):
            if most is not None and counted is not None and counted > most:
                yield (
                    f"{name}: {counted:,.0f} counted, {most:,.0f} allowed, {expected:,.0f} "
                    "estimated; ask for a little less"
                )

    @contextmanager
    def _spent(self, stage: str) -> Iterator[Spent]:
        """Time a stage in core seconds, its processes' included; earlier runs' are added."""
        context, started = digest(self._setting.identity), _cpu_seconds()
        earlier = self._journal.get("seconds", context, stage)
        before = 0.0 if earlier is None else float(str(earlier["value"]))

        def so_far() -> float:
            return before + _cpu_seconds() - started

        try:
            yield so_far
        finally:
            self._seconds[stage] = so_far()
            self._journal.put("seconds", context, stage, {"value": so_far()})


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its processes that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
