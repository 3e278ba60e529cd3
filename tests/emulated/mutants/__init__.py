# SPDX-License-Identifier: Apache-2.0
"""Start-up code with planted faults, a file for each family of chips."""
