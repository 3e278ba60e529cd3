# SPDX-License-Identifier: Apache-2.0
"""The code generator: kernel calls to readable C."""
