# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154,SC2034
# Modules of Debian's stock kernel, for the tests that need some: the kernel's package once more,
# unpacked as build/modules/PACKAGE_VERSION. Sourced after packages.sh and kernel.sh.

# Each list is in the order its modules can be loaded: each needs only those before it.
device_modules=(crypto/crct10dif_common lib/crc-t10dif drivers/scsi/scsi_common
    drivers/scsi/scsi_mod lib/crc64 lib/crc64-rocksoft block/t10-pi drivers/scsi/sd_mod
    drivers/ata/libata drivers/ata/libahci drivers/ata/ahci drivers/ata/ata_piix
    drivers/net/ethernet/intel/e1000/e1000)
toolstack_modules=(drivers/xen/xen-privcmd drivers/xen/xen-evtchn drivers/xen/xen-gntdev
    drivers/xen/xenfs/xenfs)

# Set module_folder, and download what is missing in it.
have_modules() {
    local package files=() missing='' module
    package=$(readlink "$top/build/kernel/vmlinuz") || return 1
    package=${package%%/*}
    module_folder=$top/build/modules/$package
    for module in "${device_modules[@]}" "${toolstack_modules[@]}"; do
        files+=("./lib/modules/*/kernel/$module.ko")
        compgen -G "$module_folder/lib/modules/*/kernel/$module.ko" >/dev/null || missing=$module
    done
    [ -z "$missing" ] && return
    rm -rf "$module_folder"
    unpack_package "${package/_/=}" "$module_folder" --wildcards "${files[@]}"
}

# copy_modules FOLDER MODULE...: their files, and a file `order` with their names.
copy_modules() {
    local folder=$1 module
    shift
    mkdir -p "$folder"
    for module in "$@"; do
        cp "$module_folder"/lib/modules/*/kernel/"$module.ko" "$folder/" || return 1
        printf '%s\n' "${module##*/}.ko" >>"$folder/order"
    done
}
