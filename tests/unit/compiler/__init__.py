# SPDX-License-Identifier: Apache-2.0
"""The compiler's spine: passes, schedule, memory plan, generated text."""
