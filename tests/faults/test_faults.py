# SPDX-License-Identifier: Apache-2.0
"""A sample of `python -m tests.faults`: every kind of fault, the firmware of this machine."""

import shutil
from pathlib import Path

import pytest

from mcuforge.boards.link.exchange import Exchange
from mcuforge.runtime_c.sources import firmware_dir, firmware_sources
from tests.faults.benches import streamed_bench, toy_bench
from tests.faults.campaign import Bench, Way, campaign
from tests.faults.line import Fault
from tests.firmware.toy_board import HOST, compile_firmware

SAMPLE = 12  # exchanges of a kind
RATE = 0.08
SESSION_RATE = 0.02  # of faults that cost a session
TRANSPORTS = ("socketpair", "pty")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return toy_bench(tmp_path_factory.mktemp("bench"), compile_firmware())


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    return streamed_bench(tmp_path_factory.mktemp("streamed"), compile_firmware())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_line_without_faults_has_no_error(bench: Bench, transport: str, tmp_path: Path) -> None:
    tally = campaign(bench, Fault.NONE, 30, 1, rate=0, transport=transport, folder=tmp_path)
    assert tally.clean
    assert (tally.right, sum(tally.errors.values()), tally.faults) == (30, 0, {})
    assert tally.longest_s < 0.25, "nothing was sent again"


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.NONE])
def test_no_wrong_answer_and_no_unclear_error(bench: Bench, fault: Fault, tmp_path: Path) -> None:
    costs_a_session = fault in (Fault.RESET, Fault.SWAP, Fault.VANISH)
    transport = "pty" if costs_a_session else TRANSPORTS[len(fault.value) % 2]
    rate = SESSION_RATE if costs_a_session else RATE
    tally = campaign(bench, fault, SAMPLE, 5, rate=rate, transport=transport, folder=tmp_path)
    assert tally.clean, tally
    assert tally.faults, "the seed has brought faults"
    assert tally.right > SAMPLE / 2


@pytest.mark.parametrize("fault", [Fault.REPLAY, Fault.DROP, Fault.MIXED])
def test_rows_poison_and_timed_steps_pass_a_bad_line(
    streamed: Bench, fault: Fault, tmp_path: Path
) -> None:
    tally = campaign(streamed, fault, SAMPLE, 5, rate=0.03, transport="pty", folder=tmp_path)
    assert tally.clean, tally
    assert tally.faults, "the seed has brought faults"
    assert tally.right > SAMPLE / 2
    assert set(tally.ways) == set(Way), "every way to run was right at least once"


def test_a_call_is_late_by_a_figure_of_our_own(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that gave itself all the time in the world would be found out."""
    monkeypatch.setattr(Exchange, "budget_s", lambda *_: 1e6)
    for name in ("CALL_LIMITS", "TRANSFER_S", "SLACK_S"):
        monkeypatch.setattr(f"tests.faults.campaign.{name}", 0.0)
    tally = campaign(bench, Fault.NONE, 2, 1, rate=0, transport="pty", folder=tmp_path)
    assert tally.late > 0
    assert not tally.clean


def test_firmware_without_the_rules_is_found_out(tmp_path: Path) -> None:
    text = (firmware_dir() / "session.c").read_text(encoding="utf-8")
    lax = text.replace(
        "request->sequence != session.sequence + 1U", "request->sequence == UINT32_MAX"
    )
    inputs = "measure_status() == 0 &&\n        frame_u32"
    assert lax != text
    assert lax.count(inputs) == 1
    (tmp_path / "session.c").write_text(lax.replace(inputs, "measure_status() == 1 && frame_u32"))
    sources = [
        tmp_path / "session.c" if path.name == "session.c" else path for path in firmware_sources()
    ]
    bench = toy_bench(tmp_path, compile_firmware(sources=(*sources, HOST)))
    replay = campaign(bench, Fault.REPLAY, 40, 2, rate=0.3, transport="socketpair", folder=tmp_path)
    assert replay.wrong > 0
