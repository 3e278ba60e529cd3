# SPDX-License-Identifier: Apache-2.0
"""The GigaDevice GD32VF103, after its user manual and that of its Bumblebee core."""
