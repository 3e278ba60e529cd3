# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the builder of PlatformIO's ststm32: no FPU flags, -Os, uploads by OpenOCD.

As there, every protocol of a debug probe takes the board's file of OpenOCD, which selects the
ST-LINK.
"""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
tool = "arm-none-eabi-"
cpu = ["-mthumb", "-mcpu=cortex-m4"]
env.Replace(
    AR=tool + "gcc-ar",
    AS=tool + "as",
    CC=tool + "gcc",
    OBJCOPY=tool + "objcopy",
    RANLIB=tool + "gcc-ranlib",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=[*cpu, "-Os", "-Wall"],
    LINKFLAGS=[*cpu, "-Os", "-Wl,--gc-sections,--relax"],
    LIBS=["c", "gcc", "m", "stdc++"],
)
program = env.BuildProgram()
binary = env.Command(
    "$BUILD_DIR/firmware.bin", program, "$OBJCOPY -O binary $SOURCE $TARGET"
)  # of every build, whoever flashes it
if env.subst("$UPLOAD_PROTOCOL") != "custom":
    scripts = (platform.get_package_dir("tool-openocd") or "") + "/openocd/scripts"
    env.Replace(
        UPLOADER="openocd",
        UPLOADERFLAGS=[
            *("-d1", "-s", scripts, "-f", "board/st_nucleo_f4.cfg"),
            *("-c", "program {$SOURCE}  verify reset; shutdown;"),
        ],
        UPLOADCMD="$UPLOADER $UPLOADERFLAGS",
    )
flashed = env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")
AlwaysBuild(env.Alias("upload", [program, binary], flashed))
Default(binary)
