# SPDX-License-Identifier: Apache-2.0
"""Where every buffer goes; knows nothing of networks."""
