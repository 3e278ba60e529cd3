# SPDX-License-Identifier: Apache-2.0
"""Scripts that make what the repository commits, and its long checks."""
