# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# A ramdisk for a first domain that makes others, build/toolstack.cpio: Debian's xenstored,
# xenconsoled, xen-init-dom0, xl and xenconsole with the libraries they load, the kernel modules
# that they work through, our `pinnace`, busybox, a kernel and a ramdisk for the others, and
# scripts/toolstack-init. Sourced after initramfs.sh and modules.sh; `pinnace` is built by then.

# Debian's programs and whatever they load.
toolstack_packages=(xen-utils-4.17 xenstore-utils libxenmisc4.17 libxenstore4 libxentoolcore1
    libxentoollog1 libxencall1 libxenevtchn1 libxenforeignmemory1 libxengnttab1
    libxendevicemodel1 libxenhypfs1 libyajl2 libuuid1 libc6 libgcc-s1 zlib1g
    liblzma5 libzstd1)
toolstack_programs=(lib/xen-4.17/bin/{xenstored,xenconsoled,xen-init-dom0,xl,xenconsole}
    bin/xenstore)

have_toolstack() {
    [ -d "$top/build/toolstack" ] && return
    say "downloading Debian's Xen tools, with the libraries they need"
    unpack_packages "$top/build/toolstack" "${toolstack_packages[@]}"
}

# All of the ramdisk's files, in the folder $1.
fill_toolstack_ramdisk() {
    local root=$1 program library
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,root,run,lib64,boot,etc/xen,usr/lib/xen-4.17,var/lib/{xen,xenstored},var/{lock,log/xen}}
    ln -s lib64 "$root/lib"
    ln -s ../run "$root/var/run"
    cp "$top/build/busybox/bin/busybox" "$root/bin/busybox"
    while read -r program; do
        [ "$program" = busybox ] || ln -s busybox "$root/bin/$program"
    done < <("$top/build/busybox/bin/busybox" --list)
    for program in "${toolstack_programs[@]}"; do
        cp "$top/build/toolstack/usr/$program" "$root/bin/"
        while read -r library; do
            cp -L "$library" "$root/lib64/${library##*/}"
        done < <(program_libraries "$top/build/toolstack" "usr/$program")
    done
    ln -s /bin "$root/usr/lib/xen-4.17/bin" # where xl looks for xenconsole
    # The C library loads it by itself, when a thread is cancelled.
    cp "$top"/build/toolstack/lib/x86_64-linux-gnu/libgcc_s.so.1 "$root/lib64/"
    [ -e "$root/lib64/libc.so.6" ] || die "the libraries of Debian's Xen tools cannot be found"
    touch "$root/etc/xen/xl.conf"
    for program in read write list ls rm; do
        ln -sf xenstore "$root/bin/xenstore-$program"
    done
    copy_modules "$root/modules" "${toolstack_modules[@]}" || die "a kernel module is missing"
    cp -L "$top/build/kernel/vmlinuz" "$top/build/initramfs.gz" "$root/boot/"
    cp "$top/build/pinnace" "$root/bin/pinnace"
    strip "$root/bin/pinnace"
    install -m 755 "$top/scripts/toolstack-init" "$root/init"
}

toolstack_is_up_to_date() {
    local source
    for source in scripts/{toolstack-init,toolstack.sh,modules.sh} build/{pinnace,initramfs.gz} \
        build/kernel/vmlinuz; do
        [ "$top/build/toolstack.cpio" -nt "$top/$source" ] || return 1
    done
}

# Not compressed: unpacking is slow under emulation.
prepare_toolstack() {
    local work
    have_toolstack || { refresh_lists && have_toolstack; } ||
        die "Debian's Xen tools cannot be downloaded"
    have_modules || die "the kernel's modules cannot be downloaded"
    toolstack_is_up_to_date && return
    work=$(mktemp -d "$top/build/ramdisk.XXXXXX")
    fill_toolstack_ramdisk "$work/root"
    pack_folder "$work/root" >"$work/toolstack.cpio"
    mv "$work/toolstack.cpio" "$top/build/toolstack.cpio"
    rm -rf "$work"
}

# toolstack_ramdisk RAMDISK SCRIPT [FILE]...: one that runs this script in the first domain, in a
# folder with the files; without it a shell is started there.
toolstack_ramdisk() {
    local root
    root=$(mktemp -d "$top/build/ramdisk.XXXXXX")
    mkdir "$root/root"
    install -m 755 "$2" "$root/root/script"
    [ $# -lt 3 ] || cp -L "${@:3}" "$root/root/"
    { cat "$top/build/toolstack.cpio" && pack_folder "$root"; } >"$1"
    rm -rf "$root"
}
