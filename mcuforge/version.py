# SPDX-License-Identifier: Apache-2.0
"""The version of mcuforge, apart from `mcuforge` itself so that every module may import it."""

VERSION = "0.1.0"
