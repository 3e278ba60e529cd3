# SPDX-License-Identifier: Apache-2.0
"""The steps that commands share: session, firmware, board, verdict."""
