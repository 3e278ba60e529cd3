# SPDX-License-Identifier: Apache-2.0
"""The Raspberry Pi RP2040, after its data sheet."""
