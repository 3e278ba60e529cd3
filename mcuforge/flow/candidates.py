# SPDX-License-Identifier: Apache-2.0
"""What candidates of a search must fit, from a board's catalog entry."""

from mcuforge.boards.catalog.board import Board
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.estimate import Target
from mcuforge.compiler.isa.code_size import code_size
from mcuforge.compiler.schedule.weights import flash_bytes
from mcuforge.flow.session import flash_of, memories_of


def target_of(
    board: Board,
    options: PlanOptions | None = None,
    *,
    flash: int | None = None,
    max_instructions: float | None = None,
) -> Target:
    """The limits of `board`: what its memories leave beside the check firmware, or less.

    `flash`: bytes for constants and code, None for all there is. `max_instructions`: of one
    inference. Raises BoardError when weights need an external flash and the board has none.
    """
    asked = options or PlanOptions()
    there = flash_bytes(flash_of(board, asked), asked.weights)
    there -= code_size(board.isa, board.cpu).firmware
    return Target(
        board.isa,
        board.cpu,
        memories_of(board, asked.arena),
        there if flash is None else min(flash, there),
        asked,
        max_instructions,
    )
