# SPDX-License-Identifier: Apache-2.0
"""`python -m mcuforge` is the command line."""

from mcuforge.cli import main

if __name__ == "__main__":
    main()
