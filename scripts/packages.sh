# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034,SC2015,SC1091
# Debian packages: what must be installed, and what is only downloaded and unpacked under build/.
# Sourced by ./run and ./test, which set `top`. Nothing here reads standard input or writes to
# standard output: those belong to the guest.

# What it takes to build Pinnace and to boot a guest, on a Debian 12 base system.
run_packages=(gcc libc6-dev make libxen-dev libjansson-dev zlib1g-dev libbz2-dev liblzma-dev
    liblz4-dev libzstd-dev qemu-system-x86 cpio)
# What ./test needs on top.
test_packages=(libcmocka-dev libzydis-dev clang libclang-rt-14-dev bzip2 xz-utils lzop lz4 zstd
    mandoc grub-pc-bin grub-common xorriso mtools spin gcovr)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Can sudo ask for a password, or does it need none?
sudo_works() {
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || { : </dev/tty; } 2>/dev/null
}

# Run a shell command as root, or name it and give up.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        sh -c "$1"
    elif sudo_works; then
        say "with sudo: $1"
        sudo sh -c "$1"
    else
        say "this has to be done by root first:"
        printf '    %s\n' "$1" >&2
        exit 1
    fi
}

# Name the packages, and install those that are missing.
need_packages() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
        die "this script needs Debian's apt-get and dpkg"
    local missing=() package
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    say "Debian packages needed: $*"
    [ ${#missing[@]} = 0 ] && return
    say "missing, to be installed: ${missing[*]}"
    as_root "apt-get update && DEBIAN_FRONTEND=noninteractive \
apt-get install -y --no-install-recommends ${missing[*]}" ||
        die "these packages could not be installed: ${missing[*]}"
}

# Refresh apt's lists of packages, which a new machine may not have.
refresh_lists() {
    as_root "apt-get update"
}

# The field of a package's newest version: package_field linux-image-amd64 Depends
package_field() {
    apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: *//p" | head -n 1
}

# Download packages, without installing them, and unpack the named files of them as the new folder
# DESTINATION, which appears only once it is complete:
# unpack_packages DESTINATION PACKAGE... [-- ./FILE...]
unpack_packages() {
    local destination=$1 work status=0 deb
    local -a packages=()
    shift
    while [ $# != 0 ] && [ "$1" != -- ]; do
        packages+=("$1")
        shift
    done
    [ $# = 0 ] || shift
    work=$(mktemp -d "$top/build/download.XXXXXX")
    mkdir "$work/files"
    # As root, apt would complain that its own user cannot write here.
    (cd "$work" && apt-get -q -o APT::Sandbox::User=root -o Acquire::http::Timeout=30 \
        download "${packages[@]}") || status=1
    for deb in "$work"/*.deb; do
        [ $status = 0 ] && dpkg-deb --fsys-tarfile "$deb" | tar -C "$work/files" -x "$@" || status=1
    done
    [ $status = 0 ] && mkdir -p "${destination%/*}" && mv -T "$work/files" "$destination" ||
        status=1
    rm -rf "$work"
    return $status
}

# The same of one package: unpack_package PACKAGE DESTINATION ./FILE...
unpack_package() { unpack_packages "$2" "$1" -- "${@:3}"; }

# The libraries that a program of such a folder loads, one path a line, as the loader of its own C
# library finds them there: program_libraries FOLDER PROGRAM
program_libraries() {
    local folders=$1/usr/lib/x86_64-linux-gnu:$1/lib/x86_64-linux-gnu
    "$1/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" --inhibit-cache --library-path "$folders" \
        --list "$1/$2" | sed -n 's/^.* => \(\/.*\) (0x[0-9a-f]*)$/\1/p'
}
