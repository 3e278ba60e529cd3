# SPDX-License-Identifier: Apache-2.0
"""What a linked firmware holds: sections, symbols, stack and code size."""
