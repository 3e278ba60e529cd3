# SPDX-License-Identifier: Apache-2.0
"""Virtual instruments around an emulated board: an interface board and a power board."""
