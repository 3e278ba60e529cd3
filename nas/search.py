# SPDX-License-Identifier: Apache-2.0
"""The whole search: what fits, shared weights, evolution and its baselines, finalists, verdict."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from random import Random

from mcuforge.compiler.estimate import Cost
from mcuforge.errors import CompileError
from mcuforge.nas.augment import Teacher
from mcuforge.nas.budgets import BudgetName
from mcuforge.nas.compare import EVOLUTION, Comparison, compare
from mcuforge.nas.feasible import Coster, Feasible
from mcuforge.nas.formulas import LAYER_PEAK, MCUFORMER, layer_peak, mcuformer, wrong
from mcuforge.nas.genes import Genome
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.journal import Journal
from mcuforge.nas.judge import Judge, digest
from mcuforge.nas.setting import Setting, open_setting
from mcuforge.nas.statistics import kendall_tau
from mcuforge.nas.workers import Here, Workers, ray_workers
from mcuforge.report.files import write_json
from mcuforge.report.model import BoardFacts
from mcuforge.report.progress import Stages
from mcuforge.report.search import (
    DataFacts,
    Feasibility,
    Formula,
    Limits,
    RankCheck,
    Refused,
    SearchReport,
    SpaceFacts,
    Training,
)
