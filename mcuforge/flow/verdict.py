# SPDX-License-Identifier: Apache-2.0
"""Compares the board's answers with the reference's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler import reference
from mcuforge.compiler.compile import Compiled
from mcuforge.compiler.judges.answers import Answers, Judge, differing, largest_gap
from mcuforge.compiler.judges.own import NAME
from mcuforge.compiler.tensors import Array
from mcuforge.flow.data import Samples
from mcuforge.report.model import JUDGED_SAMPLES, LEAST_AGREEMENT, Check


def judged(
    judge: Judge, got: Sequence[Array], samples: Samples, *, poisoned: bool = False
) -> tuple[Check, Answers]:
    """Compare the board's outputs `got` with the judge's answers, which come back too.

    Where they differ the judge reviews its answers: an interpreter may be the one that is wrong.
    """
    wanted = judge.answers()
    check = compare(got, wanted, samples, poisoned=poisoned)
    if check.mismatched_elements:
        wanted = judge.review(wanted)
        check = compare(got, wanted, samples, poisoned=poisoned)
    return check, wanted


def compare(
    got: Sequence[Array], wanted: Answers, samples: Samples, *, poisoned: bool = False
) -> Check:
    """Compare element by element, and by class where the outputs are classes.

    got: one array per model output, samples first, in the outputs' own dtypes. Floats are equal
    when their values are; two NaNs are equal. poisoned: the board overwrote dead bytes meanwhile.
    Where a peer is only near, accuracy and agreement are against the peer. The agreement
    counts for the verdict only with at least `JUDGED_SAMPLES` samples from the user.
    """
    want, peer = wanted.outputs, wanted.peer
    count = samples.count
    unequal = _unequal(got, want)
    near = peer is not None and peer.is_near
    unlike = None if peer is None or near else int(_unequal(want, peer.outputs).sum())
    beside = peer.outputs if peer is not None and near else want
    top, theirs = classes(got[0]), classes(beside[0])
    classifier = got[0].reshape(count, -1).shape[1] > 1
    labels = samples.labels if classifier else None
    return Check(
        reference=wanted.reference,
        data=samples.origin,
        samples=count,
        exact_samples=count - int(unequal.any(axis=1).sum()),
        mismatched_elements=int(unequal.sum()),
        max_abs_diff=largest_difference(got, want),
        accuracy=None if labels is None else float((top == labels).mean()),
        reference_accuracy=None if labels is None else float((theirs == labels).mean()),
        top1_agreement=float((top == theirs).mean()) if classifier else None,
        poisoned=poisoned,
        peer=None if peer is None else peer.name,
        peer_max_abs_diff=None if peer is None else largest_difference(got, peer.outputs),
        peer_judged=near and classifier and not samples.drawn and count >= JUDGED_SAMPLES,
        peer_mismatched_elements=unlike,
        peer_operators=() if peer is None or peer.operators is None else peer.operators,
        peer_unexplained=() if peer is None else peer.unexplained,
        peer_note="" if peer is None else peer.note,
        data_sha256=samples.sha256,
    )


def _unequal(got: Sequence[Array], want: Sequence[Array]) -> NDArray[np.bool_]:
    """Find where two sets of outputs differ: bool (samples, elements of all outputs)."""
    pairs = ((g.reshape(len(g), -1), w.reshape(len(w), -1)) for g, w in zip(got, want, strict=True))
    return np.concatenate([differing(g, w) for g, w in pairs], axis=1)


def peer_reasons(check: Check) -> list[str]:
    """List the reasons why the peer's answers fail the verdict; empty when they do not.

    Too few samples get the same class, or some answers differ for no known cause.
    """
    if check.peer_unexplained:
        return [
            f"{check.peer} differs from {NAME} in {', '.join(check.peer_unexplained)}, for no "
            "known cause: one of the two is wrong, perhaps mcuforge; please report the model"
        ]
    if not check.peer_judged or check.top1_agreement is None:
        return []
    if check.top1_agreement >= LEAST_AGREEMENT:
        return []
    return [
        f"{100 * check.top1_agreement:.2f} % of {check.samples:,} samples get the class that "
        f"{check.peer} gives them, expected at least {100 * LEAST_AGREEMENT:g} %"
    ]


def largest_difference(got: Sequence[Array], want: Sequence[Array]) -> float:
    """Find the largest difference of two elements over all outputs; finite. Integers: in steps."""
    gaps = (largest_gap(g.reshape(-1), w.reshape(-1)) for g, w in zip(got, want, strict=True))
    return min(max(gaps), float(np.finfo(np.float64).max))


def first_wrong(got: Sequence[Array], want: Sequence[Array]) -> int:
    """Find the index of the first sample with an output that differs; there must be one."""
    return int(np.flatnonzero(_unequal(got, want).any(axis=1))[0])


def classes(output: Array) -> NDArray[np.int64]:
    """Find the class that each sample's first output names: the first greatest element.

    Returns int64 (samples,).
    """
    best: NDArray[np.int64] = output.reshape(len(output), -1).argmax(axis=1).astype(np.int64)
    return best


def first_difference(
    compiled: Compiled,
    sample: Sequence[Array],
    layer_values: Sequence[Array],
    wanted: Sequence[Array],
    *,
    poisoned: bool = False,
) -> str:
    """Name the first layer whose output on the board differs from the reference's, with values.

    layer_values: each layer's output as the board held it right after writing it, flat. wanted: the
    judge's outputs for the sample. poisoned: the wrong answer came from a run that overwrites dead
    bytes, the layer values from a run that does not. Where every layer is right, the text says what
    else is at fault.
    """
    values = reference.run_all(compiled.graph, sample)
    for step, got in zip(compiled.schedule.layers, layer_values, strict=True):
        want = values[step.node.output.name].reshape(-1)
        unequal = np.flatnonzero(differing(got, want))
        if unequal.size:
            at = int(unequal[0])
            where = ", ".join(str(i) for i in np.unravel_index(at, step.node.output.shape))
            return (
                f"first layer that differs: {step.node.origin} '{step.node.name}' "
                f"({step.node.op.title}) at [{where}]: expected {want[at]}, got {got[at]} "
                f"({unequal.size} of {want.size} elements)"
            )
    own = [values[t.name].reshape(-1) for t in compiled.graph.outputs]
    if not any(differing(o, w.reshape(-1)).any() for o, w in zip(own, wanted, strict=True)):
        if poisoned:
            return (
                "every layer is right when nothing is overwritten between steps: the plan gives "
                "up bytes that are read later, which is our fault; please report the model"
            )
        return (
            "every layer is right when the layers are run one by one: only the whole run is wrong, "
            "which points to the board's memory, supply or clock, or to an interrupt"
        )
    return (
        "every layer equals mcuforge's own integer reference: that reference differs from the "
        "interpreter, which is our fault; please report the model"
    )
