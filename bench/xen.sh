# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# Debian's Xen, downloaded and not installed: build/xen/PACKAGE_VERSION. Sourced after
# scripts/packages.sh.

xen_package=xen-hypervisor-4.17-amd64

xen_folder() { printf '%s/build/xen/%s_%s' "$top" "$xen_package" "$1"; }

# Set xen_version to the newest there is in apt's lists, and download it unless it is there.
prepare_xen() {
    xen_version=$(package_field "$xen_package" Version)
    if [ -z "$xen_version" ]; then
        refresh_lists || die "apt's lists of packages cannot be refreshed"
        xen_version=$(package_field "$xen_package" Version)
    fi
    [ -n "$xen_version" ] || die "Debian has no $xen_package"
    local folder
    folder=$(xen_folder "$xen_version")
    [ -d "$folder" ] && return
    say "downloading Debian's Xen, $xen_package $xen_version"
    unpack_package "$xen_package=$xen_version" "$folder" ./boot ||
        { refresh_lists && unpack_package "$xen_package" "$folder" ./boot; } ||
        die "Debian's Xen cannot be downloaded"
}

# The compressed image in the package, which boot loaders unpack.
xen_image() { echo "$(xen_folder "$xen_version")"/boot/xen-*.gz; }
