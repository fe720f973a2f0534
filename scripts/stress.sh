# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# The ramdisk of the test under load, build/stress-initramfs.gz: Debian's stress-ng with the
# libraries it is linked with, busybox, and tests/system/load-init. Sourced after initramfs.sh.

# All that stress-ng depends on, itself included. None of it is installed.
stress_packages() {
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances stress-ng | grep '^[a-z]' | sort -u
}

have_stress() {
    local -a packages
    [ -d "$top/build/stress" ] && return
    mapfile -t packages < <(stress_packages)
    [ ${#packages[@]} != 0 ] || return 1
    say "downloading Debian's stress-ng, with the libraries it needs"
    unpack_packages "$top/build/stress" "${packages[@]}"
}

fill_stress_ramdisk() {
    local root=$1 library
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,lib64}
    ln -s lib64 "$root/lib"
    cp "$top/build/busybox/bin/busybox" "$root/bin/busybox"
    "$top/build/busybox/bin/busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    cp "$top/build/stress/usr/bin/stress-ng" "$root/bin/stress-ng"
    while read -r library; do
        cp -L "$library" "$root/lib64/${library##*/}"
    done < <(program_libraries "$top/build/stress" usr/bin/stress-ng)
    [ -e "$root/lib64/libc.so.6" ] || die "the libraries of stress-ng cannot be found"
    install -m 755 "$top/tests/system/load-init" "$root/init"
}

prepare_stress_initramfs() {
    local made=$top/build/stress-initramfs.gz source work fresh=1
    have_stress || { refresh_lists && have_stress; } ||
        die "Debian's stress-ng cannot be downloaded"
    for source in tests/system/load-init scripts/stress.sh; do
        [ "$made" -nt "$top/$source" ] || fresh=0
    done
    [ $fresh = 0 ] || return 0
    work=$(mktemp -d "$top/build/ramdisk.XXXXXX")
    fill_stress_ramdisk "$work/root"
    pack_ramdisk "$work/root" "$work/initramfs.gz"
    mv "$work/initramfs.gz" "$made"
    rm -rf "$work"
}
