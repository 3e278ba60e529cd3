# SPDX-License-Identifier: Apache-2.0
"""Features of audio: what they are, in integers, and the tables that runtime_c/audio reads.

One file per kind of features. `lfbe.py`: log filterbank energies.
"""
