# SPDX-License-Identifier: Apache-2.0
"""The results of a zoo as a table and as a summary, in Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

# ONNX answers beside a file: onnxruntime computes in float, each of our roundings may differ by a
# step, and later layers may make that more
NEAR_STEPS = 4
HEAD = ("file", "accepted", "exact here", "answers beside it", "board", "found; what to try")


@dataclass(frozen=True)
class Result:
    """What became of one model file: what `scripts.zoo_model` printed, and how it ended."""

    name: str
    steps: tuple[Mapping[str, object], ...]
    died: str = ""  # why the process did not come to its end

    @classmethod
    def of(cls, record: Mapping[str, object]) -> Self:
        """Read a result of the journal; KeyError or TypeError for what is none."""
        steps = record["steps"]
        if not isinstance(steps, list):
            raise TypeError("a result has a list of steps")
        return cls(str(record["name"]), tuple(steps), str(record["died"]))

    def record(self) -> dict[str, object]:
        """The result as the journal keeps it."""
        return {"name": self.name, "steps": list(self.steps), "died": self.died}

    def step(self, kind: str) -> Mapping[str, object] | None:
        """What a step of this kind found; None where the process did not come to it."""
        return next((step for step in self.steps if step["kind"] == kind), None)

    @property
    def accepted(self) -> bool:
        """The front end reads the file."""
        return self.step("Read") is not None

    @property
    def refused(self) -> Mapping[str, object] | None:
        """The refusal that the process ended with."""
        return self.step("Refused")

    @property
    def exact(self) -> bool | None:
        """Every answer of the C on this machine is right; None where it did not run."""
        host = self.step("Host")
        return None if host is None else host["exact"] == host["samples"]

    @property
    def beside(self) -> bool | None:
        """The answers beside the file are equal or near; None where there are none."""
        host, read = self.step("Host"), self.step("Read")
        found = None if host is None else host["beside"]
        if not isinstance(found, dict) or read is None:
            return None
        if found["problem"]:
            return False
        if read["format"] == "tflite":
            return bool(found["differing"] == 0)
        return bool(found["steps"] <= NEAR_STEPS)

    @property
    def on_board(self) -> bool | None:
        """The board's answers are right; None where it did not run the model."""
        board = self.step("Board")
        return None if board is None else bool(board["exact"])

    @property
    def wrong(self) -> bool:
        """Something is at fault that no refusal names."""
        return bool(self.died) or False in (self.exact, self.beside, self.on_board)

    @property
    def headline(self) -> str:
        """One line for the log."""
        if self.died:
            return f"DIED: {self.died}"
        if self.wrong:
            return f"WRONG: {'; '.join(self._facts())}"
        if self.refused is not None:
            return f"refused ({self.refused['step']}): {self.refused['what']}"
        return "; ".join(self._facts()[1:])

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return (self.name, *self._facts(), self._found())

    def _facts(self) -> tuple[str, str, str, str]:
        accepted = "yes" if self.accepted else "no"
        return accepted, self._here(), self._beside(), self._board()

    def _here(self) -> str:
        host = self.step("Host")
        if host is None:
            return "-"
        text = f"{host['exact']} of {host['samples']}"
        steps = host["peer_steps"]
        if steps is not None and not str(host["reference"]).startswith(str(host["peer"])):
            text += f"; {str(host['peer']).split(',')[0]}: {steps:g} steps"
        return text

    def _beside(self) -> str:
        host, read = self.step("Host"), self.step("Read")
        found = None if host is None else host["beside"]
        if not isinstance(found, dict) or read is None:
            return "-"
        if found["problem"]:
            return f"not compared: {found['problem']}"
        if not found["differing"]:
            return "equal"
        if read["format"] == "tflite":
            return f"{found['differing']} of {found['elements']} differ"
        return f"{found['steps']:g} steps"

    def _board(self) -> str:
        board, refused = self.step("Board"), self.refused
        if board is not None:
            exact = "exact" if board["exact"] else "WRONG"
            return f"{exact}, RAM {board['ram']:,}, flash {board['flash']:,}"
        return "refused" if refused is not None and refused["step"] == "board" else "-"

    def _found(self) -> str:
        refused, board = self.refused, self.step("Board")
        if self.died:
            return f"the process died: {self.died}"
        if refused is not None:
            place = str(refused["where"]).partition(", ")[2]
            return f"{place}: {refused['what']}; try: {refused['hint']}".removeprefix(": ")
        if board is not None and board["verdict"] != "pass":
            reasons = board["reasons"]
            return "; ".join(map(str, reasons)) if isinstance(reasons, list) else ""
        return ""


def table(results: Sequence[Result]) -> Iterator[str]:
    """The lines of the table, one row per file."""
    yield row(HEAD)
    yield "|" + "---|" * len(HEAD)
    for result in results:
        yield row(result.cells)


def row(cells: Sequence[str]) -> str:
    """A line of a table; what would end a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def summary(results: Sequence[Result], board: str | None) -> tuple[str, ...]:
    """The lines that count the results, then those that count the refusals by their reason."""
    died = sum(bool(result.died) for result in results)
    accepted = [result for result in results if result.accepted]
    figures = [
        ("files", len(results)),
        ("accepted", len(accepted)),
        ("refused", sum(not result.accepted and not result.died for result in results)),
        ("died", died),
        ("exact on this machine", _count(results, "exact")),
        ("equal or near to the answers beside", _count(results, "beside")),
    ]
    if board is not None:
        figures.append((f"exact on {board}, emulated", _count(results, "on_board")))
    lines = [row([name for name, _ in figures]), "|" + "---|" * len(figures)]
    lines.append(row([str(figure) for _, figure in figures]))
    reasons = Counter(
        (str(refused["step"]), alike(str(refused["what"])))
        for result in results
        if (refused := result.refused) is not None
    )
    if reasons:
        lines += ["", row(("files", "refused by", "first reason")), "|---|---|---|"]
        by_count = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        lines += [row((str(count), *reason)) for reason, count in by_count]
    return tuple(lines)


def _count(results: Sequence[Result], what: str) -> str:
    """'5 of 6': how many of those that were tried are right."""
    tried = [x for result in results if (x := getattr(result, what)) is not None]
    return f"{sum(tried)} of {len(tried)}"


def alike(what: str) -> str:
    """A reason without the names and numbers of one file, so that equal ones are counted."""
    without = re.sub(r"'[^']*'", "'...'", what)
    return re.sub(r"(?<![\w.])-?\d[\d.]*(?:,\d{3})*(?:e[+-]?\d+)?", "N", without)
