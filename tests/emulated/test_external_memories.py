# SPDX-License-Identifier: Apache-2.0
"""Weights in the QSPI flash and arenas in the SDRAM, set up by start-up code: exact."""

from pathlib import Path

from mcuforge import DeployRequest, deploy
from mcuforge.compiler.compile import PlanOptions
from mcuforge.report.model import Report

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
CNN = "digits_cnn.tflite"


def exact(options: PlanOptions) -> Report:
    request = DeployRequest(DIGITS / CNN, "disco_f746ng", exact=True, samples=2, options=options)
    report = deploy(request)
    assert (report.verdict, report.reasons) == ("pass", ())
    assert report.check.exact_samples == report.check.samples == 2
    return report


def test_a_model_with_all_its_weights_in_the_external_flash_is_exact() -> None:
    report = exact(PlanOptions(weights="external"))
    held = {region.name: region.weights for region in report.flash.regions}
    assert held == {"flash": 0, "qspi": report.flash.weights}


def test_a_model_with_all_that_it_has_outside_the_chip_is_exact() -> None:
    report = exact(PlanOptions(arena="external", weights="external"))
    assert {region.name for region in report.plan.regions if region.peak} == {"sdram"}
    assert report.ram.budget == (320 << 10) + (8 << 20)
    run = report.run
    assert run.boot_instructions is not None
    assert run.boot_instructions > 216 * 100  # the SDRAM waits 100 us for its clock
