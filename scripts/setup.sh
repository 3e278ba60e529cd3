#!/bin/sh
# Make .venv with mcuforge in it, and the Debian packages it needs where they are missing and this
# user may install them. Says in plain words what is missing otherwise.
#
#   scripts/setup.sh run    what `mcuforge deploy --emulate` needs
#   scripts/setup.sh unit   that, and what the unit tests need
#   scripts/setup.sh test   that, and what all tests need: compilers, a browser, PyTorch
#
# PYTHON=/path chooses the interpreter, VENV=folder the environment (.venv).
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}

need=""
want() { command -v "$1" >/dev/null 2>&1 || need="$need $2"; }
want arm-none-eabi-gcc gcc-arm-none-eabi
want riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
want qemu-system-arm qemu-system-arm
want qemu-system-riscv32 qemu-system-misc
if command -v arm-none-eabi-gcc >/dev/null 2>&1 &&
    [ ! -e "$(arm-none-eabi-gcc -print-file-name=libc.a)" ]; then
    need="$need libnewlib-arm-none-eabi"
elif ! command -v arm-none-eabi-gcc >/dev/null 2>&1; then
    need="$need libnewlib-arm-none-eabi"
fi
if ! riscv64-unknown-elf-gcc --specs=picolibc.specs -E -x c /dev/null >/dev/null 2>&1; then
    need="$need picolibc-riscv64-unknown-elf"
fi
if [ "${1:-run}" = test ]; then
    want gcc gcc
    want g++ g++
    echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 || need="$need libc6-dev"
    want clang clang
    want chromium chromium
    [ -n "$(find /usr/lib/llvm-* /usr/lib/clang -name 'libclang_rt.fuzzer-*' 2>/dev/null | head -1)" ] ||
        need="$need libclang-rt-dev"
fi

# the Pythons that onnxruntime, ortools and a TFLite interpreter have wheels for
python=""
for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
    then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$(${PYTHON:-python3} --version 2>&1) || found="no ${PYTHON:-python3}"
    echo "error: Python 3.11, 3.12, 3.13 or 3.14 is needed, found: $found" >&2
    echo "try:   apt-get install python3 python3-venv (Debian 12 and 13, Ubuntu 24.04)," >&2
    echo "       or PYTHON=/path/to/python3.13 make ...; docs/install.md has other systems" >&2
    exit 1
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || need="$need python3-venv"

if [ -n "$need" ]; then
    # libclang-rt-dev is versioned on Debian: the one of the default clang
    case $need in *libclang-rt-dev*)
        version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1)
        need=$(echo "$need" | sed "s/libclang-rt-dev/libclang-rt-${version:-14}-dev/") ;;
    esac
    root=""
    [ "$(id -u)" = 0 ] || root="sudo -n"
    if command -v apt-get >/dev/null 2>&1 && { [ -z "$root" ] || sudo -n true 2>/dev/null; }; then
        echo "installing Debian packages:$need"
        $root apt-get update -qq
        # shellcheck disable=SC2086  # a list of names
        DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $need >/dev/null
    else
        echo "error: missing Debian packages:$need" >&2
        echo "try:   sudo apt-get install$need   (or your system's packages of the same tools)" >&2
        exit 1
    fi
fi

if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv"
fi
echo "installing Python packages into $venv"
case ${1:-run} in
    run) extras="" ;;
    unit) extras="[dev,exact]" ;;
    test) extras="[dev,exact,nas]" ;;
esac
# what PyPI has of PyTorch brings CUDA, several GB: docs/install.md says how to take the CPU's
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    -c scripts/tested_versions.txt -e ".$extras"
