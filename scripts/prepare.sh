# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# All that a boot takes, made where it is missing: the build, the kernel, the ramdisk. Sourced by
# ./run and ./test, which set `top`.

. "$top/scripts/packages.sh"
. "$top/scripts/kernel.sh"
. "$top/scripts/initramfs.sh"
. "$top/scripts/stress.sh"
. "$top/scripts/modules.sh"
. "$top/scripts/toolstack.sh"

# One at a time: two of these would build into the same folder.
prepare_lock() {
    mkdir -p "$top/build"
    exec 9>"$top/build/.lock"
    flock 9
}

build() {
    say "building: make $*"
    make -s -C "$top" --no-print-directory -j"$(nproc)" "$@" || die "make $* failed"
}
