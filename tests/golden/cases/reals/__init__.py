# SPDX-License-Identifier: Apache-2.0
"""Cases of operators whose results are float32."""
