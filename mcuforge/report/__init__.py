# SPDX-License-Identifier: Apache-2.0
"""What a command found, as JSON and as text."""
