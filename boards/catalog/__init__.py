# SPDX-License-Identifier: Apache-2.0
"""The boards mcuforge knows: one TOML file each, and what is derived from it."""
