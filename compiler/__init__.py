# SPDX-License-Identifier: Apache-2.0
"""Model file -> graph -> passes -> schedule -> C."""
