# SPDX-License-Identifier: Apache-2.0
"""The STM32L4+ family: L4R5 after RM0432."""
