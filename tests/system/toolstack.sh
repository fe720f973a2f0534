#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Domains made from inside the first one: Debian's stock kernel with Debian's xenstored and
# xenconsoled, and our tool. tests/system/toolstack-script says what is tried there.
#
#   HYPERVISOR=xen  on Debian's Xen instead: what the tool does is the public interface's
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/lib.bash"
. "$top/scripts/prepare.sh"
. "$top/bench/xen.sh"

limit=400
log=$scratch/toolstack.log
processor=(-cpu max)

set_hypervisor() {
    case ${HYPERVISOR:-pinnace} in
    pinnace) cp "$top/build/pinnace-hv" "$scratch/hypervisor" ;;
    xen)
        (prepare_xen) && xen_version=$(package_field "$xen_package" Version)
        gunzip -c "$(xen_image)" >"$scratch/hypervisor"
        processor=(-cpu "max,-smap") # see docs/benchmarks.md: QEMU's IRETQ
        ;;
    esac
}

# From the folder: QEMU takes what follows a space for the kernel's options.
boot() {
    cd "$scratch" || exit
    timeout $limit qemu-system-x86_64 -accel tcg,thread=single "${processor[@]}" -m 1024 \
        -display none -nodefaults -no-reboot -serial stdio -kernel hypervisor \
        -append "console=com1 dom0_mem=512M dom0_max_vcpus=2 audit" -initrd "vmlinux console=hvc0,ramdisk" \
        </dev/null >"$scratch/raw" 2>&1
    tr -d '\r' <"$scratch/raw" >"$log"
}

if ! (prepare_toolstack) >"$scratch/prepare.log" 2>&1 ||
    ! set_hypervisor || ! "$pinnace" extract "$vmlinuz" "$scratch/vmlinux" ||
    ! toolstack_ramdisk "$scratch/ramdisk" "$top/tests/system/toolstack-script" \
        "$top/build/kernel/vmlinuz-cloud"; then
    fail first_domain_is_prepared "something is missing" "$scratch/prepare.log"
    exit
fi
boot
sed -n '/^init: /,/^END$/p' "$log"
if has_line "$log" END; then
    pass first_domain_comes_to_its_end
else
    fail first_domain_comes_to_its_end "no line END" "$log"
fi
