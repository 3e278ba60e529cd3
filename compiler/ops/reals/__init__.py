# SPDX-License-Identifier: Apache-2.0
"""Operators from int8 to float32, for outputs of a model that its file does not quantize."""
