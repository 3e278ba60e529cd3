# SPDX-License-Identifier: Apache-2.0
"""Golden cases of the operators that are tables."""
