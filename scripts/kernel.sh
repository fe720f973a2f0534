# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# Debian's stock kernel: build/kernel/vmlinuz points to the one to boot. Each version that was
# downloaded has a folder build/kernel/PACKAGE_VERSION, and stays for use without a network.
# Sourced after packages.sh.

# The newest kernel in apt's lists, as PACKAGE=VERSION: what linux-image-amd64 depends on.
newest_kernel() {
    package_field linux-image-amd64 Depends |
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

# The newest one downloaded so far, as PACKAGE=VERSION.
newest_downloaded_kernel() {
    (cd "$top/build/kernel" 2>/dev/null && printf '%s\n' linux-image-*_* | sort -V |
        sed -n '$s/_/=/p' | grep -v '\*')
}

prepare_kernel() {
    local kernel image
    kernel=$(newest_kernel) || true
    if ! have_kernel "$kernel"; then
        kernel=$(newest_downloaded_kernel) || true
        if [ -n "$kernel" ]; then
            say "the newest kernel cannot be downloaded; using the one that was"
        else
            refresh_lists || die "apt's lists of packages cannot be refreshed"
            kernel=$(newest_kernel) || true
            have_kernel "$kernel" || die "Debian's kernel cannot be downloaded"
        fi
    fi
    image=$(echo "$(kernel_folder "$kernel")"/boot/vmlinuz-*)
    [ -f "$image" ] || die "there is no kernel in $(kernel_folder "$kernel")/boot"
    ln -sfn "${image#"$top/build/kernel/"}" "$top/build/kernel/vmlinuz"
    say "kernel: ${kernel/=/ } (Debian's package)"
}
