# SPDX-License-Identifier: Apache-2.0
"""One file per operator: attributes, checks, integer meaning, access pattern and kernel call."""
