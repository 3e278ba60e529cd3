# SPDX-License-Identifier: Apache-2.0
"""What a reader sees of our pictures, in a real headless Chromium."""
