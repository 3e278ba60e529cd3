# SPDX-License-Identifier: Apache-2.0
"""Prints reports as text for a terminal or a log."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from mcuforge.report.gate_text import print_changes, print_limits
from mcuforge.report.model import (
    JUDGED_SAMPLES,
    LEAST_AGREEMENT,
    BenchReport,
    BoardFacts,
    Check,
    CheckReport,
    CycleEstimate,
    Flash,
    LayerFacts,
    ModelFacts,
    PlanFacts,
    QuantizeReport,
    Ram,
    Report,
    Run,
)
from mcuforge.report.profile import cycles_table, layer_table, operator_table

MOST_NAMED = 4  # operators on one line
SPEED_OUTSIDE = 1  # of a memory beside the chip


def print_report(report: Report, console: Console) -> None:
    """Print the report of a deploy: model, memory, answers, cost, verdict."""
    _print_title(report.model, report.board, console)
    board, model, toolchain = report.board, report.model, report.toolchain
    size = f"{model.ops} operators, {model.macs:,} MACs, {model.parameters:,} parameters"
    print_line("model", size, console)
    if len(model.signatures) > 1:
        all_of_them = ", ".join(model.signatures)
        words = f"{model.signature}, of {all_of_them}: --signature chooses"
        print_line("signed", words, console)
    for note in model.notes:
        print_line("note", note, console)
    compiler = f"{toolchain.compiler} {toolchain.version}"
    print_line("target", f"{board.cpu} ({board.isa}), {compiler}", console)
    _print_memory(report.ram, report.flash, console)
    if toolchain.stack_bound_by is not None:
        why = f"{toolchain.compiler} {toolchain.version} writes no call graph"
        print_line("stack", f"bounded in a build by {toolchain.stack_bound_by}: {why}", console)
    plan = report.plan
    quality = "no plan is smaller" if plan.optimal else f"lower bound {plan.lower_bound:,}"
    size = f"{region_words(plan)} ({quality})"
    if plan.resident_peak is not None:
        size += f", input streamed: resident it would be {plan.resident_peak:,}"
    print_line("arena", f"{size}; decided by {plan.deciding_layer}", console)
    _print_answers(report.check, console)
    _print_cost(report.run, console)
    print_limits(report.gate.limits, console)
    print_changes(report.gate, compiler, console)
    print_verdict(report.verdict, report.reasons, console)


def print_check(report: CheckReport, console: Console) -> None:
    """Print the report of a check: answers and verdict."""
    _print_title(report.model, report.board, console)
    _print_answers(report.check, console)
    print_verdict(report.verdict, report.reasons, console)


def print_bench(report: BenchReport, console: Console) -> None:
    """Print the report of a bench: layers, operators, the whole inference, estimated cycles."""
    _print_title(report.model, report.board, console)
    console.print(layer_table(report.layers, console.width))
    console.print()
    console.print(operator_table(report.operators))
    console.print()
    _print_cost(report.run, console)
    if report.estimated_cycles is not None:
        print_cycles(report.estimated_cycles, report.layers, console)


def print_cycles(estimate: CycleEstimate, layers: tuple[LayerFacts, ...], console: Console) -> None:
    """Print one row per layer, then the whole estimate; every line says that it is one."""
    console.print()
    console.print(cycles_table(estimate, layers))
    console.print()
    print_line("estimate", cycles_words(estimate), console)
    print_line("error", error_words(estimate), console)


def print_plan(plan: PlanFacts, budget: int, weights: str, console: Console) -> None:
    """Print a plan in two lines: the arena of `budget` bytes, and `weights` in words."""
    quality = "optimal" if plan.optimal else f"lower bound {plan.lower_bound:,}"
    arena = f"arena {region_words(plan)}, of {budget:,} ({quality}, {plan.solver})"
    for line in (f"{arena}; decided by {plan.deciding_layer}", f"weights {weights}"):
        console.print(escape(line), highlight=False, soft_wrap=True)


def print_quantize(report: QuantizeReport, console: Console) -> None:
    """Print the report of a quantize: the file, its accuracy, whether mcuforge reads it."""
    output, calibration, answers = report.output, report.calibration, report.answers
    sizes = f"{report.model.bytes:,} -> {output.bytes:,} bytes"
    if report.model.data_files:
        sizes += f", with {', '.join(report.model.data_files)}"
    print_line("written", f"{report.model.name} -> {output.name}, {sizes}", console)
    activations = "asymmetric" if calibration.asymmetric else "symmetric"
    weights = "per channel" if calibration.per_channel else "per tensor"
    how = f"int8 activations {activations}, int8 weights {weights}"
    print_line("ranges", f"{how}, from {calibration.samples:,} of {calibration.data}", console)
    if calibration.looks_random:
        said = "looks random: ranges and answers say nothing about the data that the model is for"
        print_line("data", f"{calibration.data} {said}", console)
    if answers.float_accuracy is not None and answers.int8_accuracy is not None:
        drop = f"{100 * (answers.accuracy_drop or 0.0):.2f} points lost"
        both = f"float {answers.float_accuracy:.4f}, int8 {answers.int8_accuracy:.4f}"
        print_line("accuracy", f"{both}, {drop}", console)
    if answers.top1_agreement is not None:
        agree = f"same class in {100 * answers.top1_agreement:.2f} % of {answers.samples:,} samples"
        print_line("answers", f"{agree}, both by onnxruntime", console)
    if answers.relative_error is not None:
        error = f"off by {100 * answers.relative_error:.1f} % of how much float answers differ"
        print_line("error", error, console)
    if report.verdict == "pass":
        print_line("next", f"mcuforge deploy {output.name} --board ID --emulate", console)
    print_verdict(report.verdict, report.reasons, console)


def cycles_words(estimate: CycleEstimate) -> str:
    """'5,217,424 estimated cycles per inference, 1.96 per MAC, ...'."""
    words = f"{estimate.cycles:,} estimated cycles per inference"
    if estimate.cycles_per_mac is not None:
        words += f", {estimate.cycles_per_mac:.2f} per MAC"
    words += f", {estimate.cycles_per_instruction:.2f} per instruction"
    if estimate.milliseconds is not None and estimate.clock_hz is not None:
        clock = f"{estimate.clock_hz / 1e6:g} MHz"
        words += f"; at {clock} estimated {estimate.milliseconds:,.2f} ms"
    return f"{words} ({estimate.core}, not measured)"


def error_words(estimate: CycleEstimate) -> str:
    """What the estimate leaves out, and how far published figures were from such estimates."""
    below, above = estimate.error.below_percent, estimate.error.above_percent
    return (
        "memory without wait states; published cycles of other engines were from "
        f"{below} % below to {above} % above such estimates (docs/cycles.md)"
    )


def _print_title(model: ModelFacts, board: BoardFacts, console: Console) -> None:
    title = f"[bold]{escape(model.name)}[/bold] on [bold]{board.id}[/bold] ({board.where})"
    console.print(title, highlight=False, soft_wrap=True)


def print_line(label: str, text: str, console: Console) -> None:
    """Print one fact on one line, so that a log can be searched for it."""
    console.print(f"{label + ':':<9} {escape(text)}", highlight=False, soft_wrap=True)


def print_verdict(verdict: str, reasons: tuple[str, ...], console: Console) -> None:
    """Print why it failed, and the verdict."""
    colour = "green" if verdict == "pass" else "red"
    for reason in reasons:
        print_line("reason", reason, console)
    console.print(f"verdict: [bold {colour}]{verdict}[/bold {colour}]", highlight=False)


def _print_memory(ram: Ram, flash: Flash, console: Console) -> None:
    parts = f"arena {ram.arena:,} + static {ram.static:,} + stack {ram.stack:,}"
    if ram.stack_assumed:
        why = "for calls into your own source of rows"
        parts += f" ({ram.stack_assumed:,} of it assumed {why})"
    print_line("RAM", f"{_share(ram.total, ram.budget)} = {parts}", console)
    parts = f"weights {flash.weights:,}{_flash_words(flash)} + code {flash.code:,}"
    print_line("flash", f"{_share(flash.total, flash.budget)} = {parts}", console)
    apart = f"test firmware: RAM {ram.test_firmware:,}, flash {flash.test_firmware:,}"
    if ram.stack_painted is not None:
        apart += f"; stack seen on the board, interrupts included: {ram.stack_painted:,}"
    print_line("apart", apart, console)


def weights_words(weights_bytes: int, further: Mapping[str, int]) -> str:
    """'1,200,000 bytes, 300,000 of them in qspi': the constants, and those in other flashes.

    further: bytes by region, of what does not lie in the image's flash.
    """
    elsewhere = (f", {count:,} of them in {region}" for region, count in further.items())
    return f"{weights_bytes:,} bytes{''.join(elsewhere)}"


def region_words(plan: PlanFacts) -> str:
    """'180,224 bytes = sram 118,000 + ccm 62,224': the arena by memory.

    Without memories if the plan has only one, on the chip.
    """
    used = [region for region in plan.regions if region.peak]
    outside = any(region.speed == SPEED_OUTSIDE for region in used)
    if not used or (len(plan.regions) == 1 and not outside):
        return f"{plan.peak:,} bytes"
    return f"{plan.peak:,} bytes = {' + '.join(f'{r.name} {r.peak:,}' for r in used)}"


def _flash_words(flash: Flash) -> str:
    """' (flash 900,000, qspi 300,000)': where the weights lie, unless the image's flash has all."""
    used = [region for region in flash.regions if region.weights]
    if used == list(flash.regions[:1]) or not used:
        return ""
    return f" ({', '.join(f'{region.name} {region.weights:,}' for region in used)})"


def _share(used: int, budget: int) -> str:
    return f"{used:,} of {budget:,} bytes ({100 * used / budget:.1f} %)"


def _print_answers(check: Check, console: Console) -> None:
    print_line("samples", f"{check.samples:,}, {check.data}", console)
    exact = f"{check.exact_samples:,} of {check.samples:,} exact"
    if wrong := check.mismatched_elements:
        exact += f", {wrong:,} elements differ by up to {check.max_abs_diff:g}"
    poisoned = ", dead bytes overwritten between steps" if check.poisoned else ""
    print_line("answers", f"{exact}, against {check.exact_reference}{poisoned}", console)
    if check.accuracy is not None and check.reference_accuracy is not None:
        beside = "the peer" if check.peer_is_near else "the reference"
        line = f"{check.accuracy:.4f}, {beside} {check.reference_accuracy:.4f}"
        print_line("accuracy", line, console)
    if check.peer is not None:
        print_line("peer", _peer_words(check), console)


def _peer_words(check: Check) -> str:
    """How near the answers are to another runtime's."""
    if not check.peer_is_near:
        return _mismatch_words(check)
    words = f"{check.peer}: outputs differ by up to {check.peer_max_abs_diff:g} steps"
    if check.top1_agreement is None:
        return words
    words += f", same class in {100 * check.top1_agreement:.2f} % of samples"
    if check.peer_judged:
        return f"{words} (expected at least {100 * LEAST_AGREEMENT:g} %)"
    return f"{words} (not judged: that takes --data with {JUDGED_SAMPLES} samples or more)"


def _mismatch_words(check: Check) -> str:
    """Where a peer that computes the same integers differs from the reference, and why."""
    if not check.peer_mismatched_elements:
        return f"{check.peer}: the same in every element"
    count = check.peer_mismatched_elements
    words = f"{check.peer}: {count:,} output element{'s differ' if count > 1 else ' differs'}"
    causes = [check.peer_note] if check.peer_note else []
    if check.peer_operators:
        causes.append(f"it is known to compute {_some(check.peer_operators)} differently")
    if check.peer_unexplained:
        causes.append(f"for no known cause: {_some(check.peer_unexplained)}")
    return "; ".join((words, *causes))


def _some(names: tuple[str, ...]) -> str:
    """The first few names, and how many more there are; the JSON has all."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _print_cost(run: Run, console: Console) -> None:
    if run.instructions is not None:
        count = f"{run.instructions:,} instructions per inference"
        if run.instructions_per_mac is not None:
            count += f", {run.instructions_per_mac:.2f} per MAC"
        print_line("cost", f"{count} (emulated: a count, not a time)", console)
    if run.boot_milliseconds is not None:
        boot = f"{run.boot_instructions:,} instructions from reset to the first byte"
        time = f"{run.boot_milliseconds:.2f} ms of virtual time, one cycle per instruction"
        print_line("boot", f"{boot}, {time}", console)
    if run.transfer_milliseconds is not None:
        line = f"{run.transfer_bytes:,} bytes per sample at {run.transfer_baud:,} baud"
        print_line("line", f"{line}, {run.transfer_milliseconds:.2f} ms of virtual time", console)
    if run.microseconds is not None:
        time = f"{run.microseconds:,.0f} us per inference"
        if run.cycles is not None:
            time = f"{run.cycles:,} cycles, {time}"
        if run.cycles_per_mac is not None:
            time += f", {run.cycles_per_mac:.2f} cycles per MAC"
        print_line("cost", f"{time} (hardware)", console)
    if run.clock_hz is not None:
        waits = "serial" if run.wait_states is None else f"{run.wait_states} wait states of the"
        clock = f"{run.clock_hz / 1e6:g} MHz, {waits} flash"
        print_line("core", f"{clock}, caches on: {run.caches}", console)
