# SPDX-License-Identifier: Apache-2.0
"""The errors mcuforge raises; the one module of the front door that every room may import.

Exception
├── UserError         three lines for the user, exit code 1
│   ├── CompileError  the model, the data or the budget is at fault
│   └── BoardError    the board, the port, the build or a tool is at fault
├── Refusal           an operator's own check: what and hint; the caller knows where
└── InternalError     a broken invariant of ours, exit code 3
"""

from __future__ import annotations

from enum import IntEnum


class UserError(Exception):
    """A refusal the command line prints as three lines: what is wrong, where, what to try.

    `what` names the value found and the value expected, with units; `where` names the user's file
    and operator (or board and port), never our internals; `hint` is one thing that works.
    """

    def __init__(self, what: str, where: str, hint: str) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(f"error: {what}\nwhere: {where}\ntry:   {hint}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        """Go to another process as what it is; an exception's own way passes one argument."""
        return type(self), (self.what, self.where, self.hint)


class CompileError(UserError):
    """The model, the data file or the memory budget is at fault."""


class BoardError(UserError):
    """The board, its port, its build or a tool on this machine is at fault."""


class Refusal(Exception):
    """What an operator cannot do and what to try; the front end or verifier adds where."""

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(what)


class Phase(IntEnum):
    """What to change, in the order in which files are made."""

    FILE = 0  # take another file: this one is damaged, compiled, or of another kind
    MODEL = 1  # change the network where it is defined
    EXPORT = 2  # export or convert it in another way
    QUANTIZE = 3  # quantize with other data or settings


class Advice(str):
    """The hint of a refusal, with the phase in which it is followed."""

    phase: Phase

    def __new__(cls, text: str, phase: Phase = Phase.MODEL) -> Advice:
        """Make advice of a text."""
        made = super().__new__(cls, text)
        made.phase = phase
        return made


def phase_of(hint: str) -> Phase:
    """The phase in which a hint is followed; most are about the network itself."""
    return hint.phase if isinstance(hint, Advice) else Phase.MODEL


class InternalError(Exception):
    """An invariant of mcuforge does not hold; the fault is ours, never the user's."""
