# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# Debian's stock kernels: build/kernel/vmlinuz points to the one to boot, vmlinuz-cloud to the one
# for virtual machines. Each version that was downloaded has a folder
# build/kernel/PACKAGE_VERSION, and stays for use without a network. Sourced after packages.sh.

# The newest kernel in apt's lists, as PACKAGE=VERSION: what the package $1 depends on.
newest_kernel() {
    package_field "$1" Depends |
        sed -n 's/^\(linux-image-[^ ,]*\) (= \([^)]*\)).*/\1=\2/p'
}

kernel_folder() { printf '%s/build/kernel/%s' "$top" "${1/=/_}"; }

# Download it, unless it is there already.
have_kernel() {
    [ -n "$1" ] || return 1
    [ -d "$(kernel_folder "$1")" ] && return
    say "downloading Debian's kernel, $1"
    # Only the kernel itself: its modules are 40 times as much, and the guest has no use for them.
    unpack_package "$1" "$(kernel_folder "$1")" ./boot
}

# The newest one downloaded so far, as PACKAGE=VERSION; $1 is its flavour's ending.
newest_downloaded_kernel() {
    (cd "$top/build/kernel" 2>/dev/null && printf '%s\n' linux-image-*_* |
        grep -x "linux-image-[0-9.-]*-$1_.*" | sort -V | sed -n '$s/_/=/p')
}

# prepare_kernel_flavour FLAVOUR LINK: the package linux-image-FLAVOUR, with build/kernel/LINK
# pointing to its kernel.
prepare_kernel_flavour() {
    local kernel image package=linux-image-$1
    kernel=$(newest_kernel "$package") || true
    if ! have_kernel "$kernel"; then
        kernel=$(newest_downloaded_kernel "$1") || true
        if [ -n "$kernel" ]; then
            say "the newest kernel cannot be downloaded; using the one that was"
        else
            refresh_lists || die "apt's lists of packages cannot be refreshed"
            kernel=$(newest_kernel "$package") || true
            have_kernel "$kernel" || die "Debian's kernel $package cannot be downloaded"
        fi
    fi
    image=$(echo "$(kernel_folder "$kernel")"/boot/vmlinuz-*)
    [ -f "$image" ] || die "there is no kernel in $(kernel_folder "$kernel")/boot"
    ln -sfn "${image#"$top/build/kernel/"}" "$top/build/kernel/$2"
    say "kernel: ${kernel/=/ } (Debian's package)"
}

prepare_kernel() { prepare_kernel_flavour amd64 vmlinuz; }
prepare_cloud_kernel() { prepare_kernel_flavour cloud-amd64 vmlinuz-cloud; }
