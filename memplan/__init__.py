# SPDX-License-Identifier: Apache-2.0
"""The memory planner: it places buffers, and knows nothing of networks."""
