# SPDX-License-Identifier: Apache-2.0
"""`pio test`: flashes the check firmware, then `mcuforge check` compares the board's answers.

An emulated board is started by the check itself. `custom_data` of platformio.ini names an .npz file
of samples; without it random ones are drawn, the same every time. mcuforge must be on PATH, or
installed beside PlatformIO.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from platformio.device.finder import SerialPortFinder
from platformio.test.exception import UnitTestSuiteError
from platformio.test.result import TestCase, TestStatus
from platformio.test.runners.base import TestRunnerBase


class CustomTestRunner(TestRunnerBase):
    """Builds and flashes the project as it is: the firmware answers, nothing is added to it."""

    def stage_building(self):
        """Build, unless the upload does."""
        if self.options.without_building or self._flashes():
            return
        click.secho("Building...", bold=True)
        self.run_project_targets(["checkprogsize"])

    def stage_uploading(self):
        """Flash a board that is not emulated."""
        if not self._flashes():
            return
        click.secho("Building & Uploading...", bold=True)
        self.run_project_targets(["upload", *(["nobuild"] if self.options.without_building else [])])

    def stage_testing(self):
        """Run `mcuforge check`; its reasons are the failure's message."""
        if self.options.without_testing:
            return
        click.secho("Testing...", bold=True)
        folder = Path(self.project_config.path).parent
        about = json.loads((folder / "mcuforge.json").read_text(encoding="utf-8"))
        target = [str(folder)]
        if not about["emulated"]:
            model = str(folder / about["copy"])
            target = [self._port(), "--board", about["board"], "--model", model]
        data = self.project_config.get(self._section(), "custom_data", "")
        if data:
            target += ["--data", str(folder / data)]
        with tempfile.TemporaryDirectory() as temporary:
            report = Path(temporary) / "report.json"
            command = [_mcuforge(), "check", *target, "--json", str(report)]
            code = subprocess.run(command, check=False).returncode
            told = json.loads(report.read_text()) if report.is_file() else {}
        passed = code == 0 and told.get("verdict") == "pass"
        self.test_suite.add_case(
            TestCase(
                name="answers",
                status=TestStatus.PASSED if passed else TestStatus.FAILED,
                message="; ".join(told.get("reasons") or []),
            )
        )

    def _section(self):
        return f"env:{self.test_suite.env_name}"

    def _flashes(self):
        emulated = self.platform.name == "mcuforge"  # which does not flash: see offline.ini
        return not self.options.without_uploading and not emulated

    def _port(self):
        finder = SerialPortFinder(
            board_config=self.platform.board_config(
                self.project_config.get(self._section(), "board")
            ),
            upload_protocol=self.project_config.get(self._section(), "upload_protocol", None),
        )
        port = finder.find(self.get_test_port() or self.options.upload_port)
        if not port:
            raise UnitTestSuiteError("no serial port was found: pio test --test-port PORT")
        return port


def _mcuforge():
    beside = shutil.which("mcuforge", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mcuforge")
    if found is None:
        raise UnitTestSuiteError("mcuforge is not on PATH: pip install mcuforge")
    return found
