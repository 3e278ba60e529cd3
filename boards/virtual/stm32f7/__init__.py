# SPDX-License-Identifier: Apache-2.0
"""The STM32F7 family: F746 after RM0385."""
