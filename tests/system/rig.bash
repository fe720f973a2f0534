# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC1091,SC2034,SC2154
# For the scripts beside this one that run a script of their own in a first domain with Debian's
# toolstack. Sourced after lib.bash.
#
#   HYPERVISOR=xen  on Debian's Xen instead
. "$top/scripts/prepare.sh"
. "$top/bench/xen.sh"

set_hypervisor() {
    case ${HYPERVISOR:-pinnace} in
    pinnace) cp "$top/build/pinnace-hv" "$scratch/hypervisor" ;;
    xen)
        (prepare_xen) && xen_version=$(package_field "$xen_package" Version)
        gunzip -c "$(xen_image)" >"$scratch/hypervisor"
        ;;
    esac
}

# From the folder: QEMU takes what follows a space for the kernel's options.
boot_rig() { # SECONDS LOG
    cd "$scratch" || exit
    timeout "$1" qemu-system-x86_64 -accel tcg,thread=single -m 1024 \
        -display none -nodefaults -no-reboot -serial stdio -kernel hypervisor \
        -append "console=com1 dom0_mem=512M audit" -initrd "vmlinux console=hvc0,ramdisk" \
        </dev/null >"$scratch/raw" 2>&1
    tr -d '\r' <"$scratch/raw" >"$2"
}

# run_in_first_domain SECONDS SCRIPT [FILE]...: the script's verdicts are ours.
run_in_first_domain() {
    local seconds=$1 log=$scratch/first-domain.log
    if ! (prepare_toolstack) >"$scratch/prepare.log" 2>&1 ||
        ! set_hypervisor || ! "$pinnace" extract "$vmlinuz" "$scratch/vmlinux" ||
        ! toolstack_ramdisk "$scratch/ramdisk" "${@:2}"; then
        fail first_domain_is_prepared "something is missing" "$scratch/prepare.log"
        return
    fi
    boot_rig "$seconds" "$log"
    sed -n '/^init: /,/^END$/p' "$log"
    if has_line "$log" END; then
        pass first_domain_comes_to_its_end
    else
        fail first_domain_comes_to_its_end "no line END" "$log"
    fi
}
