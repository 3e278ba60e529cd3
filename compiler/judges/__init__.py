# SPDX-License-Identifier: Apache-2.0
"""Who says which answers are right, and which other runtime stands beside it."""
