#!/bin/sh
# Show that `make demo` and `make test` work on a fresh Debian: a new root folder with git, make and
# Python in it and nothing else, a clone of what is committed here, and the commands run inside.
#
#   scripts/fresh_machine.sh bookworm|trixie [demo|test|all|ci] [FOLDER]     as root
#
# all, the default: demo and test. ci: demo, then .ci/run, which allows no skipped test.
#
# FOLDER is the root, ${TMPDIR:-/var/tmp}/mcuforge-SUITE by default: 4 GB for demo, 7 GB for all.
# It stays for a second run, which is quicker but finds the packages of the first already installed.
#   KEEP=0         remove FOLDER at the end
#   MIRROR=URL     where Debian's packages come from (default: debootstrap's own)
# shellcheck disable=SC2317  # functions are also called by traps and by `waited`
set -eu
PATH=$PATH:/usr/sbin:/sbin
say() { echo "== $*"; }
refuse() {
    echo "error: $1" >&2
    echo "try:   $2" >&2
    exit 2
}
usage="scripts/fresh_machine.sh bookworm|trixie [demo|test|all|ci] [FOLDER]"

suite=${1:-}
root=${3:-${TMPDIR:-/var/tmp}/mcuforge-$suite}
case $suite in
    bookworm | trixie) ;;
    *) refuse "unknown suite '$suite': bookworm (Debian 12) and trixie (Debian 13) are known" "$usage" ;;
esac
case ${2:-all} in
    demo | test) commands=$2 ;;
    all) commands="demo test" ;;
    ci) commands="demo ci" ;;
    *) refuse "unknown command '$2': demo, test, all and ci are known" "$usage" ;;
esac
[ "$suite $commands" != "trixie demo ci" ] ||
    refuse "tests that need tflite-runtime 2.14 skip on Debian 13's Python, and .ci/run allows no skip" \
        "scripts/fresh_machine.sh trixie all"
case $root in *[!A-Za-z0-9/._-]*)
    refuse "FOLDER '$root' has a character other than letters, digits and / . _ -" "a plainer name" ;;
esac
[ "$(id -u)" = 0 ] ||
    refuse "only root can mount file systems and enter a root folder" "sudo $0 $*"
command -v debootstrap >/dev/null 2>&1 ||
    refuse "debootstrap is not installed" "apt-get install debootstrap debian-archive-keyring"

checkout=$(cd "$(dirname "$0")/.." && pwd -P)
mkdir -p "$root"
root=$(cd "$root" && pwd -P)
mark=$root/.mcuforge-fresh-machine # holds the suite, and "finished" once debootstrap is
child="" pip_cert="" failed=0

mounted_below() { awk -v at="$1" '$2 == at || index($2, at "/") == 1 { print $2 }' /proc/mounts; }

discard() { # remove a path in the root folder, or the folder itself, if nothing is mounted in it
    if [ -n "$(mounted_below "$1")" ]; then
        echo "error: $1 is not removed: a file system is mounted in it" >&2
        exit 1
    fi
    rm -rf --one-file-system "$1"
}

attach() { # mount at $1, and keep later mounts below it from showing up on the host
    place=$root/$1
    shift
    mount "$@" "$place"
    mount --make-private "$place"
}

stop_inside() { # end every process that lives in the root folder
    for _ in 1 2 3 4 5; do
        processes=$(find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/root' -lname "$root" \
            2>/dev/null | cut -d/ -f3)
        [ -n "$processes" ] || return 0
        # shellcheck disable=SC2086  # a list of process ids
        kill -KILL $processes 2>/dev/null || :
        sleep 0.2
    done
}

leave() {
    status=$?
    trap '' INT TERM HUP
    trap - EXIT
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null || :
    stop_inside
    [ -z "$child" ] || wait "$child" 2>/dev/null || :
    for place in $(mounted_below "$root" | sort -r); do
        umount "$place" 2>/dev/null || umount -l "$place" || :
    done
    if [ "${KEEP:-1}" = 0 ]; then
        discard "$root"
        say "$root is removed, with its logs"
    else
        say "$root stays; to remove it: rm -rf --one-file-system $root"
    fi
    exit "$status"
}

waited() { # run in the background, so that a signal is answered at once
    "$@" &
    child=$!
    result=0
    wait "$child" || result=$?
    child=""
    return "$result"
}

inside() { # run a command line in the root folder: of this environment it sees only the proxies
    line=$1 value=""
    set -- env -i --default-signal=INT,QUIT HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        eval "value=\${$name-}"
        [ -z "$value" ] || set -- "$@" "$name=$value"
    done
    [ -z "$pip_cert" ] || set -- "$@" "PIP_CERT=$pip_cert"
    chroot "$root" "$@" sh -c "$line"
}

make_inside() { # show and keep what `make $1` says, or .ci/run; its exit status goes to a file
    {
        result=0
        run="make $1"
        [ "$1" != ci ] || run="CI=true .ci/run"
        inside "cd /root/mcuforge && $run" || result=$?
        stop_inside
        echo "$result" >"$root/$1.status"
    } 2>&1 | tee "$root/$1.log"
}

# The root folder: new, or of an earlier run.
[ -e "$mark" ] || [ -z "$(ls -A "$root")" ] ||
    refuse "$root is not empty, and this script did not make it" "another FOLDER"
made=$(cat "$mark" 2>/dev/null || :)
case $made in "" | "$suite"*) ;;
    *) refuse "$root holds ${made% *}, not $suite" "another FOLDER" ;;
esac
if [ -n "$(mounted_below "$root")" ]; then
    refuse "another run is using $root, or one was killed: a file system is mounted in it" \
        "another FOLDER, or: umount $(mounted_below "$root" | sort -r | tr '\n' ' ')"
fi
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
if [ "$made" = "$suite finished" ]; then
    age="used before: what an earlier run installed is still there"
    say "using $root again, with what an earlier run installed"
    for old in mcuforge .cache/mcuforge .platformio; do discard "$root/root/$old"; done
    rm -f "$root/demo.log" "$root/test.log" "$root/ci.log"
else
    age=new
    discard "$root"
    mkdir -p "$root"
    echo "$suite unfinished" >"$mark"
    say "making $root: Debian $suite with git, make, ca-certificates, python3, python3-venv"
    waited debootstrap --variant=minbase --include=git,make,ca-certificates,python3,python3-venv \
        "$suite" "$root" ${MIRROR:+"$MIRROR"} >"$root/debootstrap.out" 2>&1 || {
        tail -n 5 "$root/debootstrap.out" >&2
        echo "error: debootstrap failed; all it said is in $root/debootstrap.out" >&2
        exit 1
    }
    echo "$suite finished" >"$mark"
fi

# The host's network, the kernel's file systems, the clone, and the models beside the checkout.
cp -L --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
attach proc -t proc proc
attach sys -t sysfs -o ro sysfs
attach dev --bind /dev
attach dev/pts --bind /dev/pts
mountpoint -q "$root/dev/shm" || attach dev/shm -t tmpfs tmpfs
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
    cp -L /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    inside "update-ca-certificates >/dev/null 2>&1"
    pip_cert=/etc/ssl/certs/ca-certificates.crt
fi
changed=$(git -C "$checkout" status --porcelain | wc -l)
[ "$changed" = 0 ] ||
    say "warning: $changed files differ from what is committed; only what is committed is tried"
git clone --quiet --no-local "$checkout" "$root/root/mcuforge"
if [ -d "$checkout/../shared" ]; then
    mkdir -p "$root/root/shared"
    attach root/shared --bind "$checkout/../shared"
    mount -o remount,bind,ro "$root/root/shared"
fi

results="" line="
"
for command in $commands; do
    say "$command"
    start=$(date +%s)
    rm -f "$root/$command.status"
    waited make_inside "$command"
    outcome=passed
    [ "$(cat "$root/$command.status" 2>/dev/null)" = 0 ] || outcome=failed failed=1
    took=$(($(date +%s) - start))
    results=$results$(printf '%-26s%s' "$command" "$outcome after $took s, see $root/$command.log")$line
    if [ "$command" != demo ]; then
        counts=$(grep -E '[0-9]+ (passed|failed|skipped|errors?).* in [0-9.]+s' "$root/$command.log" |
            tail -n 1 | sed 's/^=* *//; s/ *=*$//')
        results=$results$(printf '%-26s%s' "  pytest" "${counts:-did not run}")$line
    fi
done

version() { printf '%-26s%s\n' "$1" "$(inside "$2 2>/dev/null | head -n 1" | grep . || echo missing)"; }
echo
say "fresh machine: Debian $(cat "$root/etc/debian_version") ($suite), in $root ($age)"
version "commit" "git -C /root/mcuforge log --format='%h %s' -1"
version "python3" "python3 --version"
for tool in arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm; do
    version "$tool" "$tool --version"
done
printf '%s' "$results"
exit "$failed"
