# SPDX-License-Identifier: Apache-2.0
"""Gives the flags of CPU and ABI to compiler, assembler and linker, before the platform adds more.

The option build_flags reaches the compiler only: an assembler or a linker without -mfpu takes
other instructions and another C library than the compiler does.
"""

import os

from SCons.Script import DefaultEnvironment

env = DefaultEnvironment()
machine = env.GetProjectOption("custom_machine_flags").split()
project = env.subst("$PROJECT_DIR")
# relative: a comma in the project's own path would end the linker's option
map_file = os.path.relpath(env.subst("$BUILD_DIR/firmware.map"), project)
link = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,-Map," + map_file, "-Wl,--cref"]

env.Append(
    ASFLAGS=machine,
    ASPPFLAGS=machine,
    CCFLAGS=[*machine, "-ffile-prefix-map=" + project + "=."],
    LINKFLAGS=[*machine, *link],
)
