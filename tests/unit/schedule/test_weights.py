# SPDX-License-Identifier: Apache-2.0
"""Constants over several flashes: the hottest in the fastest, and all of them somewhere."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.schedule.weights import (
    ALIGNMENT,
    Constant,
    Flash,
    WeightsIn,
    choose_flash,
    place_weights,
    reads_per_inference,
)
from mcuforge.memplan.problem import Region
from tests.unit.schedule.nets import residual_net

INTERNAL, QSPI = Region("flash", 160, 2), Region("qspi", 320, 1)


def used(constants: list[Constant], homes: dict[str, str], region: Region) -> int:
    """Bytes of a region, each constant rounded up to the alignment."""
    return sum(
        -(-c.bytes // ALIGNMENT) * ALIGNMENT for c in constants if homes[c.name] == region.name
    )


def test_a_single_flash_takes_everything_even_what_it_cannot_hold() -> None:
    constants = [Constant("a", 1000, 1), Constant("b", 1, 0)]
    assert place_weights(constants, (INTERNAL,)) == {"a": "flash", "b": "flash"}
    assert place_weights([], (INTERNAL, QSPI)) == {}


def test_what_is_read_most_lies_in_the_fastest_whatever_the_order_of_flashes() -> None:
    constants = [Constant("dense", 128, 1), Constant("conv", 96, 2304), Constant("depth", 48, 576)]
    wanted = {"dense": "qspi", "conv": "flash", "depth": "flash"}
    assert place_weights(constants, (INTERNAL, QSPI)) == wanted
    assert place_weights(constants, (QSPI, INTERNAL)) == wanted


def test_room_that_the_hottest_leave_is_used_by_colder_ones_that_fit() -> None:
    constants = [Constant("hot", 96, 9), Constant("large", 80, 5), Constant("small", 64, 1)]
    assert place_weights(constants, (INTERNAL, QSPI)) == {
        "hot": "flash", "large": "qspi", "small": "flash",
    }  # fmt: skip


def test_where_the_hottest_first_leave_one_over_the_planner_finds_room() -> None:
    tight = [
        Constant("hot", 112, 9),
        Constant("x", 80, 1),
        Constant("y", 80, 1),
        Constant("z", 208, 1),
    ]
    homes = dict(place_weights(tight, (INTERNAL, QSPI)))  # x and y inside, the hot one beside
    assert homes == {"hot": "qspi", "x": "flash", "y": "flash", "z": "qspi"}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 9)), max_size=6))
def test_whatever_fits_in_some_way_fits(sizes: list[tuple[int, int]]) -> None:
    constants = [Constant(f"c{i}", size, reads) for i, (size, reads) in enumerate(sizes)]
    regions = (INTERNAL, QSPI)
    homes = dict(place_weights(constants, regions))
    assert homes.keys() == {constant.name for constant in constants}
    possible = any(
        all(
            used(constants, dict(zip(homes, choice, strict=True)), region) <= region.bytes
            for region in regions
        )
        for choice in product([r.name for r in regions], repeat=len(constants))
    )
    assert possible == all(used(constants, homes, r) <= r.bytes for r in regions)


@pytest.mark.parametrize(
    ("size", "where", "outside"),
    [
        (80, "auto", set()),
        (96, "auto", {"cold"}),
        (96, "internal", set()),
        (16, "external", {"hot", "cold"}),
    ],
)
def test_the_external_flash_is_used_when_the_internal_is_full_or_the_user_says_so(
    size: int, where: WeightsIn, outside: set[str]
) -> None:
    constants = [Constant("cold", size, 1), Constant("hot", size - 10, 9)]
    homes = choose_flash(constants, Flash((INTERNAL,), (QSPI,)), where)
    assert homes == dict.fromkeys(outside, "qspi")
    assert choose_flash(constants, Flash((INTERNAL,))) == {}


def test_weights_are_read_for_every_output_pixel_and_tables_for_every_element() -> None:
    conv = residual_net().nodes[0]
    pixels = 16 * 16
    assert reads_per_inference(conv, 8 * 27, 8 * 27) == pixels
    assert reads_per_inference(conv, 8, 8 * 27) == pixels  # its bias
    add = next(node for node in residual_net().nodes if node.op.kind == "add")
    assert reads_per_inference(add, 64, 64) == pixels * 8 // 64
    assert reads_per_inference(add, 1 << 20, 1 << 20) == 1


def test_a_compiled_model_keeps_what_is_read_most_in_the_chips_own_flash() -> None:
    graph = residual_net()
    inside = 2000
    flash = Flash((Region("flash", inside, 2),), (Region("qspi", 1 << 20, 1),))

    def sections(where: WeightsIn) -> dict[str, str]:
        options = PlanOptions(weights=where)
        model = compile_graph(
            graph, "portable", 1 << 20, flash=flash, options=options, effort=0.0
        ).model
        assert sum(model.further_weights.values()) == sum(
            c.bytes for c in model.constants if c.name in model.flash
        )
        assert model.files["weights.c"].count('section(".mcuforge_weights.qspi")') == len(
            model.flash
        )
        return dict(model.flash)

    split, names = sections("auto"), sections("external")
    assert sections("internal") == {}
    assert 0 < len(split) < len(names)
    wide = {name for name in names if "to_t5" in name or "to_t6" in name}  # an eighth of the pixels
    assert wide & split.keys()
    assert not any("to_t0" in name or "to_t1_" in name for name in split)
