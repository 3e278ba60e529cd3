# SPDX-License-Identifier: Apache-2.0
"""Search a network for handwritten digits, from Python: a few minutes on two cores.

    pip install -e '.[nas]'
    python examples/search_digits.py

It ends as `mcuforge search --space cnn32 --board nucleo_f446re --data digits --flash 48K` does: the
folder `search-digits` has the page, the report and the models. Run it again, and it is there at
once; interrupt it, and it goes on.
"""

from pathlib import Path

from mcuforge import nas


def main() -> None:
    """Search, and print what a notebook would show."""
    report = nas.search(
        "cnn32", "nucleo_f446re", "digits", flash=48 * 1024, out=Path("search-digits")
    )
    winner = report.finalists[0]
    print(f"{report.verdict}: {winner.genome} of {report.space.architectures:.3g} architectures")
    print(f"choices:  {winner.choices}")
    print(f"accuracy: float {winner.test_float:.4f}, int8 {winner.test_int8:.4f}, ", end="")
    print(f"board {winner.board_accuracy} ({winner.board_samples} images, emulated)")
    print(f"RAM {winner.deployed.ram:,}, flash {winner.deployed.flash:,} bytes")
    for method in report.methods:
        print(
            f"{method.name:10} best {method.best_mean:.4f} of {method.evaluations:.0f} evaluations"
        )


if __name__ == "__main__":
    main()
