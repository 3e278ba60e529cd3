# SPDX-License-Identifier: Apache-2.0
"""Deploys that several tests use: each is done once per run of pytest."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
from pathlib import Path

from rich.console import Console

from mcuforge.commands.deploy import Request, deploy
from mcuforge.compiler.compile import PlanOptions
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages
from tests.golden.objects import VARIABLE

SAMPLES = 2
QUIET = Stages(Console(stderr=True), quiet=True)


def deployed(model: Path, board: str, options: PlanOptions | None = None) -> Report:
    """The report of `SAMPLES` random samples of `model` on an emulated board, as `deploy` gives it.

    Whoever asks second, also in another process of the run, gets the same report. A UserError is
    raised again for each.
    """
    request = Request(model, board, emulate=True, samples=SAMPLES, options=options or PlanOptions())
    key = hashlib.sha256(repr(request).encode()).hexdigest()[:20]
    file = Path(os.environ[VARIABLE]) / f"{model.stem}-{board}-{key}.report"
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if file.exists():
            report: Report = pickle.loads(file.read_bytes())
            return report
        report = deploy(request, QUIET)
        file.write_bytes(pickle.dumps(report))
        return report
