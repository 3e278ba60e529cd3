# SPDX-License-Identifier: Apache-2.0
"""RESIZE_BILINEAR in its three modes."""

from tests.golden.case import Case, Operand

MODES = {
    "plain": (False, False),
    "align corners": (True, False),
    "half pixel centres": (False, True),
}


def case(mode: str, name: str, size: str, channels: int = 2, zero_point: int = 3) -> Case:
    """`size` is "5x4 to 9x11"."""
    (h, w), (out_h, out_w) = (map(int, part.split("x")) for part in size.split(" to "))
    inputs = (
        Operand((1, h, w, channels), 0.1, zero_point),
        Operand((2,), dtype="int32", data=(out_h, out_w)),
    )
    align_corners, half_pixel_centers = MODES[mode]
    options = {"AlignCorners": align_corners, "HalfPixelCenters": half_pixel_centers}
    return Case(
        f"{mode}, {name}",
        "RESIZE_BILINEAR",
        inputs,
        (Operand((1, out_h, out_w, channels), 0.1, zero_point),),
        ("ResizeBilinearOptions", options),
    )


CASES = (
    *(case(mode, "twice", "5x4 to 10x8") for mode in MODES),
    *(case(mode, "half", "12x8 to 6x4") for mode in MODES),
    *(case(mode, "a third of an odd size", "13x11 to 4x3") for mode in MODES),
    *(case(mode, "odd ratios", "5x7 to 11x9", 3) for mode in MODES),
    *(case(mode, "ratios that ten bits cannot hold", "10x3 to 29x41", 1) for mode in MODES),
    *(case(mode, "up and down at once", "3x17 to 16x5") for mode in MODES),
    *(case(mode, "from one pixel", "1x1 to 3x4", 5) for mode in MODES),
    *(case(mode, "to one pixel", "6x5 to 1x1", 5) for mode in MODES),
    *(case(mode, "the same size", "4x5 to 4x5") for mode in MODES),
    case("plain", "lowest zero point", "5x4 to 9x11", zero_point=-128),
    case("plain", "one channel", "5x4 to 9x11", 1),
    case("plain", "many channels", "2x3 to 5x4", 33),
)
