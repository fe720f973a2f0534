# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# The runs of guest kernels that the suite has, for ./test and tests/stretch_suite, which set `top`.

# Each folder of guests/ that is a kernel with tests: the others are the runtime, and what
# tests/system/{reach,cycles,unpack}.sh start.
guest_kernels() {
    local folder
    for folder in "$top"/guests/*/; do
        folder=$(basename "$folder")
        case $folder in
        lib | mini | cycles | unpack) ;;
        *) printf '%s\n' "$folder" ;;
        esac
    done
}

# each_guest_run ADD: calls ADD ELF FORM COMMAND [ARGUMENT]... for every one.
each_guest_run() {
    local add=$1 guest elf options vcpus
    local patience=${PATIENCE:-1} # the limits are times this, for slow machines
    local -a boot first machine=("$top/tests/measured_machine" $((400 * patience)) 256)
    for guest in $(guest_kernels); do
        elf=$top/build/guests/$guest.elf
        first=(--kernel "$elf" --initrd none)
        options=audit # also under emulation, where one after each test takes its time
        vcpus=1
        if [ "$guest" = vcpus ]; then
            vcpus=32
            options+=" dom0_max_vcpus=$vcpus"
        fi
        boot=("$top/build/pinnace" run --timeout $((300 * patience)) --hv-append "$options")
        "$add" "$elf" "default CPU" "${boot[@]}" "${first[@]}"
        # With a clock that counts instructions.
        "$add" "$elf" measured "${machine[@]}" "$options" "$elf exact"
        "$add" "$elf" "debug hypervisor" "${boot[@]}" "${first[@]}" \
            --hypervisor "$top/build/debug/pinnace-hv"
        "$add" "$elf" "ordinary domain" "${boot[@]}" \
            --domain "name=$guest,kernel=\"$elf\",ramdisk=none,memory=64,vcpus=$vcpus" --cpu max
    done
    elf=$top/build/guests/cycles.elf
    "$add" "$elf" measured "${machine[@]}" audit "$elf cycles=300"
}
