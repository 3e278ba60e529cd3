# SPDX-License-Identifier: Apache-2.0
"""`deploy --exact`: the image for the hardware on a virtual chip, to a verdict."""

from pathlib import Path

import pytest

from mcuforge import DeployRequest, deploy
from mcuforge.boards.catalog.board import load_board
from tests.emulated.test_line_speed import check_transfer
from tests.shared import shared

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
BOARDS = {
    "nucleo_f446re": "virtual STM32F446",
    "disco_f407vg": "virtual STM32F407",
    "disco_f429zi": "virtual STM32F429",
    "disco_f746ng": "virtual STM32F746",
    "nucleo_f746zg": "virtual STM32F746",
    "pico": "virtual RP2040",
    "nucleo_l4r5zi": "virtual STM32L4R5",
    "nucleo_h743zi": "virtual STM32H743",
}
CORES = {  # MHz, wait states, caches: as the chip's registers say
    "nucleo_f446re": (180, 5, "instruction, data, prefetch"),
    "disco_f407vg": (168, 5, "instruction, data, prefetch"),
    "disco_f429zi": (180, 5, "instruction, data, prefetch"),
    "disco_f746ng": (216, 7, "instruction, data"),
    "nucleo_f746zg": (216, 7, "instruction, data"),
    "pico": (125, None, "instruction, data"),
    "nucleo_l4r5zi": (120, 5, "instruction, data, prefetch"),
    "nucleo_h743zi": (400, 2, "instruction, data"),
}
# a board of each family and UART; an STM32F446's is that of the other STM32F4
LINE_SPEED = ("nucleo_f446re", "nucleo_f746zg", "nucleo_l4r5zi", "nucleo_h743zi", "pico")
CRYSTAL_MS = {"pico": 1.0}  # until a crystal runs in the model; 2 ms elsewhere
CNN, VIT, KWS = "digits_cnn.tflite", "digits_vit.onnx", "mlperf_tiny/kws_ref_model.tflite"
# the two boards with an STM32F746 run the same code after start-up: one transformer is enough
CASES = [(model, b) for model in (CNN, VIT) for b in BOARDS if (model, b) != (VIT, "nucleo_f746zg")]
CASES += [(KWS, board) for board in ("nucleo_l4r5zi", "nucleo_h743zi")]


@pytest.mark.parametrize(("model", "board"), CASES)
def test_the_hardwares_image_is_exact_on_the_virtual_chip(model: str, board: str) -> None:
    file = shared(f"models/{model}") if model == KWS else DIGITS / model
    line_speed = model == CNN and board in LINE_SPEED
    request = DeployRequest(file, board, exact=True, line_speed=line_speed, samples=2)
    report = deploy(request)
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples == 2
    facts = report.board
    assert (facts.emulated, facts.stand_in) == (True, None)
    assert facts.ran_as == "exact ELF, emulated"
    assert facts.virtual == BOARDS[board]
    run = report.run
    assert (run.cycles, run.microseconds) == (None, None)
    assert run.clock_hz is not None
    assert (run.clock_hz // 1_000_000, run.wait_states, run.caches) == CORES[board]
    assert run.instructions is not None
    assert sum(layer.instructions or 0 for layer in report.layers) == run.instructions
    assert run.boot_instructions is not None
    assert run.boot_milliseconds is not None
    # a crystal takes its time to start in the model; other clocks come at once
    hardware = load_board(board).hardware
    assert hardware is not None
    assert (run.boot_milliseconds < CRYSTAL_MS.get(board, 2.0)) == (
        hardware.bypass or hardware.internal
    )
    assert run.boot_milliseconds < 5.0
    if line_speed:
        check_transfer(run)
