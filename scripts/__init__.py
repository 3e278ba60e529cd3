# SPDX-License-Identifier: Apache-2.0
"""Scripts that make what the repository commits, and its long checks."""

import mcuforge  # noqa: F401 - turns onnxruntime's reports off before a script loads it
