# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# A small initial ramdisk, build/initramfs.gz: Debian's static busybox and scripts/guest-init.
# Sourced after packages.sh.

needed_applets=(sh mount setsid cttyhack poweroff reboot)

have_busybox() {
    local folder=$top/build/busybox
    [ -d "$folder" ] && return
    unpack_package busybox-static "$folder" ./bin/busybox
}

check_applets() {
    local applets applet
    applets=$("$1" --list)
    for applet in "${needed_applets[@]}"; do
        grep -qx "$applet" <<<"$applets" || die "Debian's busybox-static has no $applet"
    done
}

# All of the ramdisk's files, in the folder $1.
fill_ramdisk() {
    local root=$1 busybox=$top/build/busybox/bin/busybox applet
    mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,root}
    cp "$busybox" "$root/bin/busybox"
    while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done < <("$busybox" --list)
    install -m 755 "$top/scripts/guest-init" "$root/init"
    # What the kernel runs when it is asked from outside to shut down; there is no init to ask.
    for applet in poweroff reboot; do
        printf '#!/bin/sh\nexec /bin/%s -f\n' $applet >"$root/sbin/$applet"
        chmod 755 "$root/sbin/$applet"
    done
}

# A folder as the kernel wants it, and the same each time.
pack_folder() {
    (cd "$1" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0)
}

# pack_ramdisk FOLDER FILE
pack_ramdisk() { pack_folder "$1" | gzip -n >"$2"; }

is_up_to_date() {
    local source
    for source in scripts/guest-init scripts/initramfs.sh build/busybox/bin/busybox; do
        [ "$top/build/initramfs.gz" -nt "$top/$source" ] || return 1
    done
}

prepare_initramfs() {
    local work
    have_busybox || { refresh_lists && have_busybox; } ||
        die "Debian's busybox-static cannot be downloaded"
    is_up_to_date && return
    check_applets "$top/build/busybox/bin/busybox"
    work=$(mktemp -d "$top/build/ramdisk.XXXXXX")
    fill_ramdisk "$work/root"
    pack_ramdisk "$work/root" "$work/initramfs.gz"
    mv "$work/initramfs.gz" "$top/build/initramfs.gz"
    rm -rf "$work"
}
