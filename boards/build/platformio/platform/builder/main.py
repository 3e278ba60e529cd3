# SPDX-License-Identifier: Apache-2.0
"""Builds all of src/ with the compiler on PATH; `upload` starts the board's emulator.

What belongs to the board (compiler, CPU and ABI) comes from its JSON file in the folder above,
everything else from platformio.ini.
"""

import os
import subprocess
import sys

from SCons.Script import COMMAND_LINE_TARGETS, AlwaysBuild, Default, DefaultEnvironment

PICOLIBC = "picolibc.specs"
OWNER = "MCUFORGE_OWNER_PID"  # the emulator ends with this process


def libc_flags(compiler):
    """Name picolibc by its specs file, since Debian's RISC-V gcc has no C library of its own."""
    command = [compiler, "-print-file-name=" + PICOLIBC]
    try:
        found = subprocess.run(command, env=env["ENV"], capture_output=True, text=True, check=True)
    except OSError:
        sys.stderr.write("Error: %s is not on PATH: `mcuforge doctor`\n" % compiler)
        env.Exit(1)
    return ["--specs=" + PICOLIBC] if found.stdout.startswith("/") else []


def caller():
    """Find the process that called pio, the parent of this one: the user's shell, IDE or script."""
    pio = os.getppid()
    try:
        with open("/proc/%d/status" % pio) as status:
            return next(line.split()[1] for line in status if line.startswith("PPid:"))
    except OSError:  # not Linux
        command = ["ps", "-o", "ppid=", "-p", str(pio)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        return answer.stdout.strip()


env = DefaultEnvironment()
board = env.BoardConfig()
prefix = board.get("build.toolchain")
libc = libc_flags(prefix + "gcc")
compile_flags = board.get("build.compile_flags") + libc
# relative: a comma in the project's own path would end the linker's option
map_file = os.path.relpath(env.subst("$BUILD_DIR/firmware.map"), env.subst("$PROJECT_DIR"))
emulator = '"$PYTHONEXE" -m mcuforge.boards.emulator'
state = '"$PROJECT_DIR/.pio/emulator.json"'

env.Replace(
    CC=prefix + "gcc",
    AS=prefix + "gcc",
    LINK=prefix + "gcc",
    AR=prefix + "gcc-ar",
    RANLIB=prefix + "gcc-ranlib",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    ASPPFLAGS=compile_flags,
    CCFLAGS=compile_flags + ["-ffile-prefix-map=" + env.subst("$PROJECT_DIR") + "=."],
    LINKFLAGS=board.get("build.link_flags")
    + libc
    + ["-Wl,-Map," + map_file, "-Wl,--cref"],
)

program = env.BuildProgram()
env.Depends(program, env.subst("$PROJECT_DIR/$LDSCRIPT_PATH"))

if board.get("build.emulated"):
    run = [emulator, "run --board", board.id, '"$SOURCE"', "--state", state]
    started = env.VerboseAction(" ".join(run), "Starting the emulator with $SOURCE")
    AlwaysBuild(env.Alias("upload", program, started))
    if "upload" in COMMAND_LINE_TARGETS and OWNER not in env["ENV"]:
        env["ENV"][OWNER] = caller()
    env.AddCustomTarget(
        name="stop",
        dependencies=None,
        actions=[" ".join([emulator, "stop --state", state])],
        title="Stop the emulator",
        description="End the emulator that upload started",
    )

Default(program)
