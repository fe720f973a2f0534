# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC1091,SC2154,SC2034
# A first domain that makes others, for the scripts beside this one: Debian's stock kernel with
# Debian's daemons and our tool, and a script that runs in it and prints verdicts. Sourced after
# lib.bash.
#
#   HYPERVISOR=xen  on Debian's Xen instead: what the tool does is the public interface's
. "$top/scripts/prepare.sh"
. "$top/bench/xen.sh"

processor=(-cpu max)

set_hypervisor() {
    case ${HYPERVISOR:-pinnace} in
    pinnace) cp "$top/build/pinnace-hv" "$scratch/hypervisor" ;;
    xen)
        (prepare_xen) && xen_version=$(package_field "$xen_package" Version)
        gunzip -c "$(xen_image)" >"$scratch/hypervisor"
        processor=() # QEMU's own: with "max", programs lose vector registers on Xen there
        ;;
    esac
}

# From the folder: QEMU takes what follows a space for the kernel's options. A message of the kernel's
# could come in the middle of a verdict's line.
boot_first_domain() { # SECONDS LOG
    (cd "$scratch" &&
        timeout "$1" qemu-system-x86_64 -accel tcg,thread=single "${processor[@]}" -m 1024 \
            -display none -nodefaults -no-reboot -serial stdio -kernel hypervisor \
            -append "console=com1 dom0_mem=512M dom0_max_vcpus=2 audit" -initrd "vmlinux console=hvc0 quiet,ramdisk" \
            </dev/null 2>&1) | tr -d '\r' >"$2"
}

# run_in_first_domain SECONDS SCRIPT [FILE]...: its verdicts are ours, and it has to come to its
# last line, END. What was printed is in $log.
run_in_first_domain() {
    log=$scratch/first_domain.log
    if ! (prepare_toolstack) >"$scratch/prepare.log" 2>&1 ||
        ! set_hypervisor || ! "$pinnace" extract "$vmlinuz" "$scratch/vmlinux" ||
        ! toolstack_ramdisk "$scratch/ramdisk" "${@:2}"; then
        fail first_domain_is_prepared "something is missing" "$scratch/prepare.log"
        exit
    fi
    boot_first_domain "$1" "$log"
    sed -n '/^init: /,/^END$/p' "$log"
    if has_line "$log" END; then
        pass first_domain_comes_to_its_end
    else
        fail first_domain_comes_to_its_end "no line END" "$log"
    fi
}
