# SPDX-License-Identifier: Apache-2.0
"""The STM32F4 family: F407 and F429 after RM0090, F446 after RM0390."""
