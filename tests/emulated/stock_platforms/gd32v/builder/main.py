# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the builder of Sipeed's gd32v: its flags and the upload by the boot loader."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
tool = "riscv-nuclei-elf-"
cpu = ["-march=rv32imac", "-mabi=ilp32", "-mcmodel=medlow"]
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
    CCFLAGS=["-Os", "-Wall", *cpu, "-ffunction-sections", "-fdata-sections", "-fno-common"],
    CFLAGS=["-std=gnu11"],
    CPPDEFINES=["USE_STDPERIPH_DRIVER", ("HXTAL_VALUE", "%sU" % board.get("build.hxtal_value"))],
    LINKFLAGS=[*cpu, "-nostartfiles", "-Xlinker", "--gc-sections", "--specs=nano.specs"],
    LIBS=["c"],
)
program = env.BuildProgram()
binary = env.Command("$BUILD_DIR/firmware.bin", program, "$OBJCOPY -O binary $SOURCE $TARGET")
if env.subst("$UPLOAD_PROTOCOL") != "serial":
    env.Exit(1)
env.Replace(
    UPLOADER="stm32flash",
    UPLOADERFLAGS=["-g", board.get("upload.offset_address", "0x08000000"), "-b", "115200", "-w"],
    UPLOADCMD='$UPLOADER $UPLOADERFLAGS "$SOURCE" "$UPLOAD_PORT"',
)
flashed = [
    env.VerboseAction(env.AutodetectUploadPort, "Looking for upload port..."),
    env.VerboseAction("$UPLOADCMD", "Uploading $SOURCE"),
]
AlwaysBuild(env.Alias("upload", binary, flashed))
Default(binary)
