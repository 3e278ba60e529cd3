# SPDX-License-Identifier: Apache-2.0
"""Cross compilers that compile the same text with the same flags once in a run of pytest.

Every firmware of a run has the same kernels, start-up code and check program, which PlatformIO
compiles again for each. These scripts stand before the compilers on PATH. They ask the compiler for
the text that it would read, and copy an earlier object of it. Paths in text, flags and debug
information are relative to the project, so the object is what the compiler would write.
"""

import os
import shutil
from pathlib import Path

from mcuforge.boards.arch import ARCHITECTURES
from tests.golden.objects import VARIABLE

ALWAYS = "MCUFORGE_TEST_COMPILE"  # set for a test that is about compiling: nothing is copied

SCRIPT = """#!/bin/sh
out= last= compiles=
for word; do
    case $last in -o) out=$word ;; esac
    case $word in -c) compiles=yes ;; esac
    last=$word
done
case $out in *.o) ;; *) compiles= ;; esac
if [ -z "$compiles" ] || [ -n "$%(always)s" ]; then
    exec %(compiler)s "$@"
fi
%(compiler)s "$@" -E || exit
key=$( (printf '%%s\\n' "$@" | sed "s|$PWD|.|g"; cat "$out") | sha256sum | cut -c 1-40)
kept=%(folder)s/$key
stem=${out%%.o}
if [ ! -e "$kept.o" ]; then
    rm -f "$out"
    %(compiler)s "$@" || exit
    for kind in su ci o; do  # the object last: it says that the others are there
        [ ! -e "$stem.$kind" ] || { cp "$stem.$kind" "$kept.$$" && mv "$kept.$$" "$kept.$kind"; }
    done
    exit 0
fi
for kind in su ci o; do
    [ ! -e "$kept.$kind" ] || cp "$kept.$kind" "$stem.$kind"
done
"""


def script_folder() -> Path:
    """Where the scripts of this run lie."""
    return Path(os.environ[VARIABLE]) / "compilers"


def share_compilers() -> None:
    """Put the scripts first on PATH, in the folder that the processes of this run share."""
    scripts = script_folder()
    if str(scripts) in os.environ["PATH"].split(os.pathsep):
        return
    scripts.mkdir()
    for prefix in sorted({arch.prefix for arch in ARCHITECTURES}):
        compiler = shutil.which(f"{prefix}gcc")
        if compiler is not None:
            script = scripts / f"{prefix}gcc"
            words = {"always": ALWAYS, "compiler": compiler, "folder": scripts.parent}
            script.write_text(SCRIPT % words, encoding="utf-8")
            script.chmod(0o755)
    os.environ["PATH"] = os.pathsep.join((str(scripts), os.environ["PATH"]))
