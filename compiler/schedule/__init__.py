# SPDX-License-Identifier: Apache-2.0
"""Order of nodes to a memory problem and the trace its plan is checked with."""
