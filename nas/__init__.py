# SPDX-License-Identifier: Apache-2.0
"""Architecture search under a board's budgets; not built yet (DESIGN section 8)."""
