# SPDX-License-Identifier: Apache-2.0
"""The peripherals that the STM32 families share, and a chip put together from facts."""
