# SPDX-License-Identifier: Apache-2.0
"""The energy build on emulated boards, with virtual instruments around it."""
