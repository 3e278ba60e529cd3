# SPDX-License-Identifier: Apache-2.0
"""The verdict: what is counted, which sample and which layer is named, why a deploy fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.boards.link.client import NAME_BYTES
from mcuforge.compiler import reference
from mcuforge.compiler.compile import Compiled, compile_graph
from mcuforge.compiler.graph import Node
from mcuforge.compiler.judges.answers import Answers, Judge, Peer, differing
from mcuforge.compiler.judges.own import NAME
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.tensors import Array, DType
from mcuforge.flow import data
from mcuforge.flow.board_check import BoardAnswers
from mcuforge.flow.data import Samples, choose_samples, default_samples
from mcuforge.flow.firmware import Built, build_name, build_seconds
from mcuforge.flow.measure import Measured, find_reasons
from mcuforge.flow.verdict import classes, compare, first_difference, first_wrong, judged
from mcuforge.report.model import Check, Flash, Ram
from tests.unit.compiler.graphs import chain, graph, random_inputs, relu, sums, tensor


def samples(count: int, labels: list[int] | None = None) -> Samples:
    """Samples whose values do not matter."""
    y = None if labels is None else np.array(labels, np.int64)
    return Samples((np.zeros((count, 1, 2), np.int8),), y, "data.npz")


def told(
    got: Sequence[Array],
    want: Sequence[Array],
    data: Samples,
    name: str,
    *,
    peer: Peer | None = None,
) -> Check:
    """The check of the board's `got` beside a judge's `want`."""
    return compare(got, Answers(name, tuple(want), peer), data)


def logits(*rows: tuple[int, ...]) -> NDArray[np.int8]:
    return np.array(rows, np.int8)


def test_equal_answers_are_exact() -> None:
    got = logits((1, 2), (4, 3))
    check = told([got], [got.reshape(2, 1, 2)], samples(2, [1, 0]), "the reference")
    assert (check.reference, check.data, check.samples) == ("the reference", "data.npz", 2)
    assert (check.exact_samples, check.mismatched_elements, check.max_abs_diff) == (2, 0, 0.0)
    assert (check.accuracy, check.reference_accuracy, check.top1_agreement) == (1.0, 1.0, 1.0)


def test_elements_samples_and_the_largest_difference_are_counted_over_all_outputs() -> None:
    got = [logits((1, 2), (4, 3), (0, 0)), logits((-128,), (0,), (0,))]
    want = [logits((1, 2), (4, 5), (1, 1)), logits((127,), (0,), (0,))]
    check = told(got, want, samples(3), "r")
    assert check.mismatched_elements == 1 + 2 + 1
    assert check.exact_samples == 0
    assert check.max_abs_diff == 255.0  # no overflow of int8
    assert check.accuracy is None
    assert check.reference_accuracy is None


def test_accuracies_are_those_of_each_side() -> None:
    got, want = logits((9, 0), (9, 0), (0, 9), (9, 0)), logits((9, 0), (0, 9), (0, 9), (0, 9))
    check = told([got], [want], samples(4, [0, 0, 0, 0]), "r")
    assert (check.accuracy, check.reference_accuracy) == (0.75, 0.25)
    assert check.top1_agreement == 0.5


def test_the_first_of_equal_classes_is_the_answer() -> None:
    assert classes(logits((5, 5, 1), (0, 7, 7))).tolist() == [0, 1]
    assert classes(np.zeros((2, 2, 3), np.float32)).tolist() == [0, 0]


def test_an_output_of_one_element_names_no_class() -> None:
    check = told([logits((3,), (4,))], [logits((3,), (5,))], samples(2, [0, 0]), "r")
    assert check.top1_agreement is None
    assert check.accuracy is None
    assert check.mismatched_elements == 1


def test_two_nans_are_equal_and_one_is_not() -> None:
    nan, inf = np.nan, np.inf
    got = np.array([[nan, 1.0], [nan, inf], [1.0, -inf]], np.float32)
    want = np.array([[nan, 1.0], [2.0, inf], [1.0, inf]], np.float32)
    assert differing(got, want).tolist() == [[False, False], [True, False], [False, True]]
    check = told([got], [want], samples(3), "r")
    assert (check.exact_samples, check.mismatched_elements) == (1, 2)
    assert check.max_abs_diff == np.finfo(np.float64).max  # what JSON can hold
    assert first_wrong([got], [want]) == 1


def test_negative_zero_is_zero() -> None:
    zero = np.array([[0.0]], np.float32)
    assert told([zero], [-zero], samples(1), "r").mismatched_elements == 0


def test_the_first_wrong_sample_is_found_in_whichever_output() -> None:
    a, b = logits((1,), (2,), (3,)), logits((1,), (2,), (4,))
    c, d = logits((1, 1), (2, 2), (3, 3)), logits((1, 1), (2, 0), (3, 3))
    assert first_wrong([a], [b]) == 2
    assert first_wrong([a, c], [b, d]) == 1


def held(compiled: Compiled, sample: tuple[Array, ...]) -> list[Array]:
    """What a right board holds as each step's output, flat."""
    values = reference.run_all(compiled.graph, sample)
    return [values[s.node.output.name].reshape(-1).copy() for s in compiled.schedule.layers]


def test_the_first_layer_that_differs_is_named_with_index_and_values() -> None:
    compiled = compile_graph(sums(3, (1, 2, 3)), "portable", 1 << 20)
    sample = random_inputs(compiled.graph, 1)
    layers = held(compiled, sample)
    expected = int(layers[1][4])
    layers[1][4] = expected ^ 1
    layers[1][5] ^= 1
    layers[2][0] ^= 1
    assert first_difference(compiled, sample, layers, layers[-1:]) == (
        "first layer that differs: operator 0 ADD 'to_t1' (add) at [0, 1, 1]: "
        f"expected {expected}, got {expected ^ 1} (2 of 6 elements)"
    )


def test_layers_that_are_all_right_put_the_fault_on_our_reference() -> None:
    compiled = compile_graph(sums(2), "portable", 1 << 20)
    sample = random_inputs(compiled.graph, 1)
    layers = held(compiled, sample)
    interpreter = np.bitwise_xor(layers[-1].astype(np.int8), 1)
    assert "our fault" in first_difference(compiled, sample, layers, [interpreter])


def test_answers_that_are_right_layer_by_layer_put_the_fault_on_the_board() -> None:
    compiled = compile_graph(sums(2), "portable", 1 << 20)
    sample = random_inputs(compiled.graph, 1)
    layers = held(compiled, sample)
    found = first_difference(compiled, sample, layers, layers[-1:])
    assert found.startswith("every layer is right when the layers are run one by one")
    found = first_difference(compiled, sample, layers, layers[-1:], poisoned=True)
    assert "the plan gives up bytes that are read later, which is our fault" in found


def test_a_nan_that_should_be_one_is_no_difference() -> None:
    x, q = tensor("x"), tensor("q")
    real = tensor("real", (1, 6), DType.FLOAT32, None)
    nodes = [relu(x, q), Node("real", Dequantize(), (q,), real)]
    compiled = compile_graph(graph([x], nodes, [real]), "portable", 1 << 20)
    sample = random_inputs(compiled.graph, 0)
    layers = held(compiled, sample)
    layers[1][2] = np.nan
    assert "'real' (dequantize) at [0, 2]" in first_difference(
        compiled, sample, layers, layers[-1:]
    )


@pytest.mark.parametrize("shape", [(6,), (1,)])
def test_a_layer_without_a_batch_is_named_too(shape: tuple[int, ...]) -> None:
    compiled = compile_graph(replace(chain(1, shape)), "portable", 1 << 20)
    sample = random_inputs(compiled.graph, 0)
    layers = held(compiled, sample)
    layers[0][-1] ^= 1
    assert f"at [{shape[0] - 1}]: " in first_difference(compiled, sample, layers, layers[-1:])


def measured(check: Check, difference: str | None = None) -> Measured:
    answers = BoardAnswers((), run_ticks=0, stack_painted=None)
    return Measured(answers, check, (), difference)


def beside(agreeing: int, count: int, *, drawn: bool = False) -> Check:
    """A check whose answers are exact, and of the peer's class in `agreeing` of `count` samples."""
    got = np.tile(logits((1, 2)), (count, 1))
    peer = got.copy()
    peer[agreeing:] = (4, 2)
    data = replace(samples(count, [1] * count), drawn=drawn)
    return told([got], [got], data, "ours and the peer", peer=Peer("a peer 1.0", (peer,)))


def test_a_peer_gives_accuracy_agreement_and_the_largest_difference_but_no_mismatch() -> None:
    check = beside(3, 4)
    assert (check.exact_samples, check.mismatched_elements) == (4, 0)
    assert (check.accuracy, check.reference_accuracy, check.top1_agreement) == (1.0, 0.75, 0.75)
    assert (check.peer, check.peer_max_abs_diff) == ("a peer 1.0", 3.0)


@pytest.mark.parametrize(
    ("agreeing", "count", "drawn", "fails"),
    [
        (197, 200, False, False),  # 98.5 %
        (196, 200, False, True),
        (196, 200, True, False),
        (0, 199, False, False),
    ],
)
def test_a_peer_fails_the_verdict_only_on_enough_data_of_the_users(
    agreeing: int, count: int, drawn: bool, fails: bool
) -> None:
    check = beside(agreeing, count, drawn=drawn)
    assert check.peer_judged == (count >= 200 and not drawn)
    reasons = find_reasons(measured(check), BUILT, FITS, FLASH)
    assert reasons == (
        [
            "98.00 % of 200 samples get the class that a peer 1.0 gives them, "
            "expected at least 98.5 %"
        ]
        if fails
        else []
    )


def same_integers(
    operators: tuple[str, ...] = (), unexplained: tuple[str, ...] = (), off: int = 0
) -> Check:
    """Exact answers, and a peer that computes the same integers except for `off` elements."""
    got = np.tile(logits((1, 2)), (300, 1))
    theirs = got.copy()
    theirs[:off, 0] = 4
    peer = Peer("a peer 1.0", (theirs,), operators, unexplained)
    return told([got], [got], samples(300, [1] * 300), f"{NAME}, since", peer=peer)


def test_a_peer_of_the_same_integers_leaves_accuracy_to_the_reference() -> None:
    check = same_integers(("operator 3 TANH",), off=250)
    assert (check.accuracy, check.reference_accuracy, check.top1_agreement) == (1.0, 1.0, 1.0)
    assert (check.peer_mismatched_elements, check.peer_max_abs_diff) == (250, 3.0)
    assert check.peer_operators == ("operator 3 TANH",)
    assert not check.peer_judged


def test_a_peer_that_differs_for_a_known_cause_fails_no_verdict() -> None:
    check = same_integers(("operator 3 TANH",), off=250)
    assert find_reasons(measured(check), BUILT, FITS, FLASH) == []


def test_a_peer_that_differs_for_no_known_cause_fails_the_verdict() -> None:
    check = same_integers(("operator 3 TANH",), ("operator 1 ADD",), off=1)
    (reason,) = find_reasons(measured(check), BUILT, FITS, FLASH)
    assert reason.startswith(f"a peer 1.0 differs from {NAME} in operator 1 ADD, for no known")


@dataclass
class SecondThoughts:
    """A judge whose first answers are wrong and whose second ones are right."""

    first: Answers
    second: Answers
    reviews: int = 0

    def answers(self) -> Answers:
        return self.first

    def review(self, answers: Answers) -> Answers:
        assert answers is self.first
        self.reviews += 1
        return self.second


def test_the_judge_is_asked_again_only_where_an_answer_differs() -> None:
    got, other = [logits((1, 2))], (logits((3, 2)),)
    judge = SecondThoughts(Answers("an interpreter", other), Answers(NAME, tuple(got)))
    check, wanted = judged(cast(Judge, judge), got, samples(1))
    assert (check.reference, check.mismatched_elements, judge.reviews) == (NAME, 0, 1)
    assert wanted is judge.second
    content = SecondThoughts(Answers("an interpreter", tuple(got)), Answers(NAME, other))
    check, _ = judged(cast(Judge, content), got, samples(1))
    assert (check.reference, content.reviews) == ("an interpreter", 0)


def test_a_peer_of_outputs_that_name_no_class_is_only_shown() -> None:
    got = logits(*[(3,)] * 200)
    check = told([got], [got], samples(200), "r", peer=Peer("a peer", (got + 9,)))
    assert (check.peer_judged, check.peer_max_abs_diff) == (False, 9.0)
    assert find_reasons(measured(check), BUILT, FITS, FLASH) == []


def test_wrong_answers_are_told_against_the_exact_reference_not_its_peer() -> None:
    got, want = logits((1, 2)), logits((1, 3))
    check = told(
        [got], [want], samples(1), f"{NAME} (exact) and a peer", peer=Peer("a peer", (want,))
    )
    (reason,) = find_reasons(measured(check), BUILT, FITS, FLASH)
    assert reason.endswith("1 of 1 samples differ from mcuforge's own integer reference")


RIGHT = told([logits((1, 2))], [logits((1, 2))], samples(1), "the reference")
WRONG = told([logits((1, 2), (3, 4))], [logits((1, 2), (0, 0))], samples(2), "the reference")
FITS = Ram(80, 10, 10, stack_painted=10, total=100, budget=100, test_firmware=500)
FLASH = Flash(80, 20, total=100, budget=100, test_firmware=500, regions=())
BUILT = cast(Built, SimpleNamespace(painted_bound=10))


def test_a_model_that_fits_to_the_byte_and_is_right_has_no_reason_to_fail() -> None:
    assert find_reasons(measured(RIGHT), BUILT, FITS, FLASH) == []


def test_wrong_answers_come_first_then_the_layer_then_the_memories() -> None:
    ram, flash = replace(FITS, total=101), replace(FLASH, total=1234567)
    assert find_reasons(measured(WRONG, "sample 1: here"), BUILT, ram, flash) == [
        "2 output elements in 1 of 2 samples differ from the reference",
        "sample 1: here",
        "RAM: 101 bytes needed, the board has 100",
        "flash: 1,234,567 bytes needed, the board has 100",
    ]


def test_a_stack_deeper_than_its_bound_is_a_reason() -> None:
    (reason,) = find_reasons(measured(RIGHT), BUILT, replace(FITS, stack_painted=11), FLASH)
    assert reason.startswith("the inference used 11 bytes of stack")
    assert "our fault" in reason


def test_a_board_that_cannot_measure_its_stack_is_not_failed_for_it() -> None:
    ram = replace(FITS, stack_painted=None)
    assert find_reasons(measured(RIGHT), BUILT, ram, FLASH) == []


@pytest.mark.parametrize(
    ("macs", "count"),
    [(0, 32), (33_000_000, 32), (125_000_000, 32), (1_250_000_000, 3), (5_000_000_000, 2)],
)
def test_slow_models_are_run_on_fewer_random_samples(macs: int, count: int) -> None:
    assert default_samples(macs) == count


def test_few_random_samples_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compile_graph(chain(1), "portable", 1 << 20)
    assert choose_samples(compiled.graph, None, None).count == 32
    monkeypatch.setattr(data, "default_samples", lambda macs: 3)
    few = choose_samples(compiled.graph, None, None)
    assert (few.count, few.drawn) == (3, True)
    assert few.origin.endswith("full input range; few, since an inference has 0 million MACs")
    asked = choose_samples(compiled.graph, None, 5)
    assert (asked.count, asked.origin) == (5, "random, seed 20231121, full input range")


def test_builds_are_given_the_time_that_their_weights_take() -> None:
    assert build_seconds(0) == 600
    assert build_seconds(22_000_000) == 1040


def test_images_of_other_text_have_other_names_that_a_hello_can_say() -> None:
    names = {
        build_name({"model.c": "one"}),
        build_name({"model.c": "two"}),
        build_name({"model.c": "one", "poison.c": ""}),
        build_name({"model.cone": ""}),
    }
    assert len(names) == 4
    assert build_name({"b": "2", "a": "1"}) == build_name({"a": "1", "b": "2"})
    assert max(map(len, names)) <= NAME_BYTES
