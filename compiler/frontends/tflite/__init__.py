# SPDX-License-Identifier: Apache-2.0
"""Reads TFLite model files into graphs."""
