# SPDX-License-Identifier: Apache-2.0
"""Random whole models: compiled under every goal, replayed, run bit-exact under sanitizers."""
