# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the builder of PlatformIO's raspberrypi: its flags, UF2, the upload over USB.

As there, a port is asked for, and touched at 1200 baud unless the project says no.
"""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
platform = env.PioPlatform()
board = env.BoardConfig()
tool = "arm-none-eabi-"
cpu = ["-mthumb", "-mcpu=%s" % board.get("build.cpu")]
env.Replace(
    AR=tool + "ar",
    AS=tool + "as",
    CC=tool + "gcc",
    OBJCOPY=tool + "objcopy",
    RANLIB=tool + "ranlib",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=["-Os", "-ffunction-sections", "-fdata-sections", "-Wall", *cpu, "-nostdlib"],
    CPPDEFINES=[("F_CPU", "$BOARD_F_CPU")],
    LINKFLAGS=[
        *("-Os", "-Wl,--gc-sections,--relax", *cpu),
        *("--specs=nano.specs", "--specs=nosys.specs"),
    ],
    LIBS=["c", "gcc", "m", "stdc++", "nosys"],
)
program = env.BuildProgram()
binary = env.Command("$BUILD_DIR/firmware.bin", program, "$OBJCOPY -O binary $SOURCE $TARGET")
env.AddPostAction(program, "elf2uf2 $TARGET $BUILD_DIR/firmware.uf2")


def before(source, target, env):
    env.AutodetectUploadPort()
    if board.get("upload.use_1200bps_touch", False):
        env.TouchSerialPort("$UPLOAD_PORT", 1200)


if env.subst("$UPLOAD_PROTOCOL") != "picotool":
    env.Exit(1)
env.Replace(
    UPLOADER=(platform.get_package_dir("tool-rp2040tools") or "") + "/rp2040load",
    UPLOADERFLAGS=["-v", "-D"],
    UPLOADCMD='"$UPLOADER" $UPLOADERFLAGS $SOURCES',
)
flashed = [before, env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE")]
AlwaysBuild(env.Alias("upload", program, flashed))
Default(binary)
