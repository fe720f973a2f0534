# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC1091,SC2154,SC2034
# A first domain that makes others, for the scripts beside this one: Debian's stock kernel with
# Debian's daemons and our tool, and a script that runs in it and prints verdicts. Sourced after
# lib.bash.
#
#   HYPERVISOR=pinnace   on our image as it is shipped
#   HYPERVISOR=measured  on the one that measures how long it listens to nobody
#                        (tests/measured_machine); what it measured is printed
#   HYPERVISOR=xen       on Debian's Xen: what the tool does is the public interface's
. "$top/scripts/prepare.sh"
. "$top/bench/xen.sh"

machine_options='dom0_mem=512M dom0_max_vcpus=2 audit'
# QEMU takes what follows a space for the kernel's options. Messages of the kernel's could come in the
# middle of a verdict's line.
modules='vmlinux console=hvc0 quiet,ramdisk'

boot_image() { # SECONDS IMAGE [QEMU ARGUMENT]...
    timeout "$1" qemu-system-x86_64 -accel tcg,thread=single "${@:3}" -m 1024 -display none \
        -nodefaults -no-reboot -serial stdio -kernel "$2" -append "console=com1 $machine_options" \
        -initrd "$modules" </dev/null
}

# In the folder of kernel and ramdisk.
boot_first_domain() { # SECONDS
    case $HYPERVISOR in
    pinnace) boot_image "$1" "$top/build/pinnace-hv" -cpu max ;;
    measured) "$top/tests/measured_machine" "$1" 1024 "$machine_options" "$modules" ;;
    xen) # on QEMU's own processor: with "max", programs lose vector registers on Xen there
        (prepare_xen) && xen_version=$(package_field "$xen_package" Version)
        gunzip -c "$(xen_image)" >xen
        boot_image "$1" xen
        ;;
    *) echo "HYPERVISOR=$HYPERVISOR: pinnace, measured or xen" ;;
    esac
}

# run_in_first_domain SECONDS SCRIPT [FILE]...: its verdicts are ours, and it has to come to its
# last line, END. What was printed is in $log.
run_in_first_domain() {
    log=$scratch/first_domain.log
    : "${HYPERVISOR:=pinnace}"
    if ! (prepare_toolstack) >"$scratch/prepare.log" 2>&1 ||
        ! "$pinnace" extract "$vmlinuz" "$scratch/vmlinux" ||
        ! toolstack_ramdisk "$scratch/ramdisk" "${@:2}"; then
        fail first_domain_is_prepared "something is missing" "$scratch/prepare.log"
        exit
    fi
    (cd "$scratch" && boot_first_domain $(($1 * patience)) 2>&1) | tr -d '\r' >"$log"
    sed -n '/^init: /,/^END$/p; /^(PIN) longest stretch: /p' "$log"
    if has_line "$log" END; then
        pass first_domain_comes_to_its_end
    else
        fail first_domain_comes_to_its_end "no line END" "$log"
    fi
}
