# SPDX-License-Identifier: Apache-2.0
"""The SiFive FE310-G002, after its manual."""
