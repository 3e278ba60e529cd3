# SPDX-License-Identifier: Apache-2.0
"""Estimated cycles of emulated code: what was executed, priced by documented timings."""
