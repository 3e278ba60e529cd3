# SPDX-License-Identifier: Apache-2.0
"""One file of cases per operator module, each with a tuple called CASES."""
