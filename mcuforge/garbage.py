# SPDX-License-Identifier: Apache-2.0
"""How often a process of ours looks for garbage in cycles."""

import gc

# A compile makes millions of objects and hardly any cycle, so garbage is looked for rarely.
RARE_COLLECTIONS = (200_000, 20, 20)


def collect_rarely() -> None:
    """Set it for this process: for our own programs, not for those that import us."""
    gc.set_threshold(*RARE_COLLECTIONS)
