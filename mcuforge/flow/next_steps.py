# SPDX-License-Identifier: Apache-2.0
"""Says in one line what to do about a file whose operators are refused, in order."""

from collections.abc import Sequence

from mcuforge.compiler.frontends.common import OperatorSupport
from mcuforge.errors import phase_of

MOST_STEPS = 5
MOST_NAMES = 4


def next_steps(rows: Sequence[OperatorSupport], model: str) -> str:
    """Say in one line what to do about a file's refused operators, in order.

    model: the file's name. Where nothing is refused, it says how to go on.
    """
    operators: dict[str, list[str]] = {}
    for row in rows:
        if not row.supported:
            name = "the model" if row.operator == "MODEL" else row.operator
            operators.setdefault(row.hint, []).append(name)
    if not operators:
        return f"next: mcuforge deploy {model} --board ID --emulate"
    ordered = sorted(operators, key=phase_of)  # stable: equal steps as they stand in the file
    steps = [
        f"{number}. {_listed(operators[hint])}: {hint}"
        for number, hint in enumerate(ordered[:MOST_STEPS], 1)
    ]
    more = len(ordered) - MOST_STEPS
    steps += [f"then the {more} further ones above"] if more > 0 else []
    return f"next: {'; '.join(steps)}; then `mcuforge ops` on the new file"


def _listed(names: Sequence[str]) -> str:
    """'SVDF (7), SOFTMAX and 3 kinds more'."""
    kinds = list(dict.fromkeys(names))
    counted = [
        kind if names.count(kind) == 1 else f"{kind} ({names.count(kind)})"
        for kind in kinds[:MOST_NAMES]
    ]
    more = len(kinds) - MOST_NAMES
    return ", ".join(counted) + (f" and {more} more" if more > 0 else "")
