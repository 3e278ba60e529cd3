# SPDX-License-Identifier: Apache-2.0
"""The doctor asks this machine's own compilers and emulators."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.commands.test_cli_commands import ROOT, read


def test_the_doctors_findings_are_documented(tmp_path: Path) -> None:
    file = tmp_path / "doctor.json"
    command = [sys.executable, "-m", "mcuforge", "doctor", "--json", str(file)]
    code = subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode
    content = read(file, "doctor")
    assert isinstance(content["tools"], list)
    assert code == (0 if all(tool["ok"] for tool in content["tools"]) else 1)
