# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the builder of PlatformIO's sifive: its flags and the upload by J-Link."""

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
tool = "riscv64-unknown-elf-"
cpu = ["-march=rv32imac", "-mabi=ilp32", "-mcmodel=medlow"]
env.Replace(
    AR=tool + "gcc-ar",
    AS=tool + "as",
    CC=tool + "gcc",
    RANLIB=tool + "gcc-ranlib",
    PROGNAME="firmware",
    PROGSUFFIX=".elf",
)
env.Append(
    ASPPFLAGS=["-x", "assembler-with-cpp"],
    CCFLAGS=[*cpu, "-Os", "-Wall"],
    LINKFLAGS=[*cpu, "-Os", "-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"],
    LIBS=["c"],
)
program = env.BuildProgram()
script = env.subst("$BUILD_DIR/upload.jlink")


def write_script(source, target, env):
    with open(script, "w") as file:
        file.write("h\nloadfile %s\nr\nq" % source[0])


if env.subst("$UPLOAD_PROTOCOL") != "jlink":
    env.Exit(1)
flash = "JLinkExe -device FE310 -speed 4000 -if JTAG -CommanderScript " + script
uploaded = [write_script, env.VerboseAction(flash, "Uploading $SOURCE")]
AlwaysBuild(env.Alias("upload", program, uploaded))
Default(program)
