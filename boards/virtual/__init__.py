# SPDX-License-Identifier: Apache-2.0
"""Virtual chips that run the very image that is flashed, and refuse what silicon does not forgive.

The processor is Unicorn's, an optional package (`pip install mcuforge[exact]`). The register tables
here are typed from the reference manuals apart from the start-up code in boards/bsp: the two share
no constant, so that a wrong bit in one is found by the other.
"""
