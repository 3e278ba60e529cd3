# SPDX-License-Identifier: Apache-2.0
"""Measures a model on a board, and turns the measurements into the report with its verdict."""

from dataclasses import dataclass

from mcuforge.boards.link.client import Link
from mcuforge.boards.virtual.machine import VirtualBoard
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.judges.answers import Judge
from mcuforge.flow.board_check import BoardAnswers, layer_outputs, layer_ticks, run_samples
from mcuforge.flow.checkpoint import Checkpoint
from mcuforge.flow.data import Samples
from mcuforge.flow.facts import board_facts, layer_facts, model_facts, plan_facts, run_facts
from mcuforge.flow.firmware import Built
from mcuforge.flow.session import Session, ram_budget
from mcuforge.flow.verdict import first_difference, first_wrong, judged, peer_reasons
from mcuforge.report.model import Check, Flash, Ram, Report
from mcuforge.report.progress import Stages


@dataclass(frozen=True, eq=False)
class Measured:
    """What the board answered and what it cost."""

    answers: BoardAnswers
    check: Check
    layer_ticks: tuple[int, ...]  # their sum is the first sample's answers.run_ticks
    difference: str | None  # the first layer that differs; None when every answer is right


def measure_board(
    link: Link,
    compiled: Compiled,
    samples: Samples,
    oracle: Judge,
    stages: Stages,
    *,
    poison: bool = False,
    checkpoint: Checkpoint | None = None,
) -> Measured:
    """Run the samples, compare, profile, and search the layers when an answer is wrong."""
    answers = run_samples(link, compiled, samples, stages, poison=poison, checkpoint=checkpoint)
    with stages.stage("waiting for the reference"):
        check, wanted = judged(oracle, answers.outputs, samples, poisoned=poison)
    difference = None
    if check.mismatched_elements:
        index = first_wrong(answers.outputs, wanted.outputs)
        sample = samples.sample(index)
        right = [outputs[index] for outputs in wanted.outputs]
        held = layer_outputs(link, compiled, sample)
        found = first_difference(compiled, sample, held, right, poisoned=poison)
        difference = f"sample {index}: {found}"
    with stages.stage("counting layer by layer"):
        ticks = layer_ticks(link, compiled, samples).adding_up(answers.run_ticks)
    return Measured(answers, check, ticks, difference)


def make_report(
    session: Session,
    compiled: Compiled,
    built: Built,
    measured: Measured,
    machine: VirtualBoard | None = None,
) -> Report:
    """Make the report: the verdict and everything it rests on; machine: the virtual board."""
    used = [name for name, peak in compiled.plan.peaks.items() if peak]
    ram = built.ram(compiled, ram_budget(session.board, used), measured.answers.stack_painted)
    flash = built.flash()
    reasons = tuple(find_reasons(measured, built, ram, flash))
    return Report(
        model=model_facts(session),
        board=board_facts(session),
        toolchain=built.toolchain,
        verdict="fail" if reasons else "pass",
        reasons=reasons,
        check=measured.check,
        ram=ram,
        flash=flash,
        plan=plan_facts(compiled),
        run=run_facts(session, measured.answers, machine),
        layers=layer_facts(compiled, session, measured.layer_ticks),
    )


def find_reasons(measured: Measured, built: Built, ram: Ram, flash: Flash) -> list[str]:
    """List the reasons why the verdict is fail, worst first; empty when it is pass."""
    check, reasons = measured.check, []
    if check.mismatched_elements:
        reasons.append(
            f"{check.mismatched_elements} output elements in "
            f"{check.samples - check.exact_samples} of {check.samples} samples differ from "
            f"{check.exact_reference}"
        )
    if measured.difference is not None:
        reasons.append(measured.difference)
    reasons += peer_reasons(check)
    for name, use in (("RAM", ram), ("flash", flash)):
        if use.total > use.budget:
            reasons.append(f"{name}: {use.total:,} bytes needed, the board has {use.budget:,}")
    painted, bound = ram.stack_painted, built.painted_bound
    if painted is not None and painted > bound:
        reasons.append(
            f"the inference used {painted:,} bytes of stack, the call graph and one interrupt "
            f"allow {bound:,}: the RAM total cannot be trusted (our fault)"
        )
    return reasons
