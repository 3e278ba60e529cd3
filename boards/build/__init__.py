# SPDX-License-Identifier: Apache-2.0
"""Projects written for PlatformIO, and their builds."""
