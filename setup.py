# SPDX-License-Identifier: Apache-2.0
"""Install the repository's folders under one import name: compiler/ is mcuforge.compiler."""

from setuptools import find_packages, setup

ROOMS = ["compiler", "memplan", "runtime_c", "boards", "nas"]  # mcuforge/ has links to them
LINKS = [f"mcuforge.{room}" for room in ROOMS]
FRONT_DOOR = find_packages(
    include=["mcuforge", "mcuforge.*"], exclude=LINKS + [f"{link}.*" for link in LINKS]
)
FOUND = find_packages(include=ROOMS + [f"{room}.*" for room in ROOMS])

setup(
    packages=FRONT_DOOR + [f"mcuforge.{name}" for name in FOUND],
    package_dir={"mcuforge": "mcuforge"} | {f"mcuforge.{room}": room for room in ROOMS},
)
