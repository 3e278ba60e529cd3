# SPDX-License-Identifier: Apache-2.0
"""Boards: catalog, start-up code, emulator, link, PlatformIO."""
