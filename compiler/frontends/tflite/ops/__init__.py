# SPDX-License-Identifier: Apache-2.0
"""One arm per TFLite operator: what the file says, as steps of the graph."""
