# SPDX-License-Identifier: Apache-2.0
"""PlatformIO as a quiet, offline, bounded subprocess with a core folder of its own.

`pio` normally keeps packages in ~/.platformio, fetches its build engine (tool-scons) from its
registry, checks for upgrades and sends telemetry. Here it does none of these. The core folder is
ours; its tool-scons is a three-line script that runs the installed PyPI `scons`; the environment of
the subprocess switches the rest off. The folder is made once per pair of versions and never
changed, so any number of builds can share it.

Flashing needs the user's own core folder: there PlatformIO keeps, and downloads, the stock
platforms with their compilers and flash tools.
"""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import mcuforge.errors
from mcuforge.errors import BoardError

BUILD_SECONDS = 600.0
# of the user's PlatformIO settings: where things lie and how to fetch them, not what to build
USERS_SETTINGS = (
    "PLATFORMIO_CORE_DIR",
    "PLATFORMIO_PLATFORMS_DIR",
    "PLATFORMIO_PACKAGES_DIR",
    "PLATFORMIO_CACHE_DIR",
    "PLATFORMIO_AUTH_TOKEN",
)
LAYOUT = 1  # raise when the contents of the core folder change
SCONS_PY = "from SCons.Script import main\n\nmain()\n"


@dataclass(frozen=True)
class PioResult:
    """One finished run of `pio`: its output without colours, and its exit code."""

    output: str
    code: int


def run_pio(
    project_dir: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    timeout_seconds: float = BUILD_SECONDS,
) -> PioResult:
    """Run `pio ARGUMENTS` in `project_dir`, with `environment` as its variables.

    environment: None for those of `pio_environment`, with our core folder.
    Raises BoardError when PlatformIO or SCons is not installed, or when the time is up; its child
    processes are ended too. A build that fails does not raise: the caller reads `code` and
    `output`.
    """
    command = [sys.executable, "-m", "platformio", *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=project_dir,
            env=pio_environment(core_dir()) if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # one group: compilers end with pio
        )
        try:
            code = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise BoardError(
                f"pio {' '.join(arguments)} took longer than {timeout_seconds:g} s",
                str(project_dir),
                "try again on a less busy machine; a build takes a few seconds",
            ) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.seek(0)
        output = log.read().decode("utf-8", errors="replace")
    return PioResult(output, code)


def pio_environment(core: Path) -> dict[str, str]:
    """Copy this process's environment with every PlatformIO setting replaced by ours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PLATFORMIO_", "PIO_"))}
    ours = {
        "PLATFORMIO_CORE_DIR": str(core),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "36500",  # days; older than 6.1.18
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
        "PLATFORMIO_DISABLE_PROGRESSBAR": "true",
        "LC_ALL": "C.UTF-8",  # the compiler's messages are read
    }
    # `pio run -t upload` runs `python -m mcuforge.boards.emulator`, also from a checkout
    root = Path(mcuforge.errors.__file__).parents[1]
    if root not in {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}:
        ours["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH"))))
    return kept | ours


def users_environment() -> dict[str, str]:
    """Copy this process's environment for a `pio` that uses the user's own core folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PLATFORMIO_", "PIO_"))
        or name in USERS_SETTINGS
        or name.startswith("PLATFORMIO_SETTING_")
    }
    return kept | {
        "PLATFORMIO_NO_ANSI": "true",
        "PLATFORMIO_DISABLE_PROGRESSBAR": "true",
        "LC_ALL": "C.UTF-8",
    }


def core_dir() -> Path:
    """Return PlatformIO's core folder in the user's cache, made on first use.

    Two processes may make it at once: each prepares its own folder and renames it into place; the
    second process then uses the folder of the first.
    """
    versions = f"{_installed('platformio')}-scons-{_installed('scons')}-{LAYOUT}"
    core = cache_dir() / "platformio" / versions
    if core.is_dir():
        return core
    try:
        core.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=core.parent, prefix=".new-") as scratch:
            fresh = Path(scratch) / "core"
            _write_core(fresh)
            try:
                fresh.rename(core)
            except OSError:
                if not core.is_dir():
                    raise
    except OSError as error:
        raise BoardError(
            f"cannot write PlatformIO's folder: {error.strerror}",
            str(core),
            "set XDG_CACHE_HOME to a folder you can write to",
        ) from error
    return core


def cache_dir() -> Path:
    """Return the user's cache folder for mcuforge (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "mcuforge"


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise BoardError(
            f"the Python package {package} is not installed",
            sys.executable,
            f"{sys.executable} -m pip install {package}",
        ) from None


def _write_core(core: Path) -> None:
    """Write a core folder whose tool-scons has the version this PlatformIO asks for."""
    version = _scons_version()
    tool = core / "packages" / "tool-scons"
    tool.mkdir(parents=True)
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None}
    package = {"type": "tool", "name": "tool-scons", "version": version}
    (tool / "scons.py").write_text(SCONS_PY, encoding="utf-8")
    (tool / ".piopm").write_text(json.dumps(package | {"spec": spec | {"uri": None}}))
    manifest = {"name": "tool-scons", "version": version, "description": "the installed SCons"}
    (tool / "package.json").write_text(json.dumps(manifest))
    # a known last version: no welcome banner and no upgrade of packages on the first run
    (core / "appstate.json").write_text(json.dumps({"last_version": _installed("platformio")}))


def _scons_version() -> str:
    """Ask the installed PlatformIO for its tool-scons version: 4.41101.0 for "~4.41101.0"."""
    script = (
        "import platformio as p\n"
        "packages = getattr(p, '__core_packages__', None)\n"  # before 6.1.17
        "if packages is None:\n"
        "    from platformio.dependencies import get_core_dependencies\n"
        "    packages = get_core_dependencies()\n"
        "print(packages['tool-scons'])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    found = re.search(r"\d+(?:\.\d+)+", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise BoardError(
            "the installed PlatformIO does not say which SCons it needs",
            f"platformio {_installed('platformio')} in {sys.executable}",
            f"{sys.executable} -m pip install --upgrade platformio",
        )
    return found.group()
