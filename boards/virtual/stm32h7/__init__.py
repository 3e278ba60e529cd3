# SPDX-License-Identifier: Apache-2.0
"""The STM32H7 family: H743 after RM0433."""
