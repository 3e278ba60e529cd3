# SPDX-License-Identifier: Apache-2.0
"""Install the repository's folders under one import name: compiler/ is mcuforge.compiler."""

from setuptools import find_packages, setup

PARTS = ["compiler", "memplan", "runtime_c", "boards", "nas"]
FOUND = find_packages(include=PARTS + [f"{part}.*" for part in PARTS])
FACE = find_packages(include=["mcuforge", "mcuforge.report", "mcuforge.report.*"])

setup(
    packages=FACE + [f"mcuforge.{name}" for name in FOUND],
    package_dir={"mcuforge": "mcuforge"} | {f"mcuforge.{part}": part for part in PARTS},
)
