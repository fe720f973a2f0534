#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Domains straight from boot modules, without a toolstack: from `pinnace run --domain`, and from
# GRUB with the same words in the modules' texts.
# shellcheck disable=SC1091,SC2016,SC2154
. "$(dirname "$0")/lib.bash"

hypervisor=$top/build/pinnace-hv
limit=120
switch='send:\x01\x01\x01\x01\x01\x01' # on a terminal two Ctrl-a are one

# expect_match NAME FILE PATTERN: a whole line.
expect_match() {
    if tr -d '\r' <"$2" | grep -qaxE -- "$3"; then
        pass "$1"
    else
        fail "$1" "no line matches \"$3\"" "$2"
    fi
}

# run LOG ARGUMENT...: pinnace run, without input.
run() {
    local log=$1
    shift
    timeout $((limit + 10)) "$pinnace" run --timeout $limit "$@" >"$log" 2>&1 </dev/null
}

# A domain with a kernel of ours: small_domain NAME. With 16 MiB that kernel crashes: it wants more.
small_domain() { printf 'name=%s,kernel=%s,ramdisk=none,memory=64' "$1" "$guest"; }
crashing_domain() { printf 'name=%s,kernel=%s,ramdisk=none,memory=16' "$1" "$guest"; }

# ---- Debian, twice ----

# One is used, then the other; the end of one leaves the other running, and gives it the keyboard;
# the end of that one is the machine's.
two_debians() {
    local log=$scratch/debians.log
    "$dialog" $limit 'expect:(d1) /root # ' 'send:echo "[one $((40 + 2))]"\r' 'expect:[one 42]' \
        "$switch" 'expect:serial input: to d2' 'expect:(d2) /root # ' \
        'send:echo "[two $((40 + 3)) $(cat /sys/hypervisor/type)]"\r' 'expect:[two 43 xen]' \
        "$switch" 'expect:to the hypervisor' 'send:q' 'expect:d2: alive' \
        "$switch" 'expect:serial input: to d1' \
        'send:poweroff -f\r' 'expect:(PIN) d1 powers off' 'expect:serial input: to d2' \
        'send:grep -c ^processor /proc/cpuinfo | sed "s/^/[left /;s/$/]/"\r' 'expect:[left 2]' \
        'send:poweroff -f\r' 'expect:(PIN) d2 powers off' 'expect:machine: power off' \
        -- "$pinnace" run --timeout $limit --hv-append audit --domain name=one \
        --domain 'name=two,vcpus=2,memory=160,extra=test=a b' >"$log" 2>"$scratch/debians.err"
    expect_status two_debians_run_side_by_side 0 $? "$log" "$scratch/debians.err"
    expect_match each_domain_gets_the_memory_it_is_given "$log" '\(PIN\) d2 \(two\): 160 MiB, .*'
    expect_match each_domain_gets_its_kernel_options "$log" \
        '\(d2\) .*Command line: console=hvc0 earlyprintk=xen test=a b'
    expect_match frames_are_in_order_at_the_machine_s_end "$log" '\(PIN\) audit: .*, 0 differences'
}

# The cloud flavour lacks what a first domain needs, and is none here; its console is a port of its
# own, on which nobody else writes. Nobody can type there: the machine is ended when it is up.
cloud_kernel_on_a_serial_port_of_its_own() {
    local log=$scratch/cloud.log port=$scratch/cloud.port machine
    "$pinnace" run --timeout $limit --domain "name=cloud,kernel=$cloud_vmlinuz,serial=file:$port" \
        >"$log" 2>&1 </dev/null &
    machine=$!
    await_text "$port" 'init: Linux' $machine
    kill $machine
    wait $machine
    expect_text cloud_kernel_boots_as_an_ordinary_domain "$port" 'init: Linux'
    if grep -qa '^(d1)' "$log"; then
        fail serial_port_of_its_own_leaves_the_line_alone "the shared line has output of d1" "$log"
    else
        pass serial_port_of_its_own_leaves_the_line_alone
    fi
}

terminal_as_a_serial_port() {
    local log=$scratch/pty.log
    run "$log" --domain "$(small_domain a)" --domain "$(small_domain b),serial=pty"
    expect_match terminal_made_for_a_serial_port_is_named "$log" \
        'pinnace: serial port com2 is /dev/pts/[0-9]+'
}

# ---- how the machine ends ----

ends() {
    local log=$scratch/ends.log
    run "$log" --domain "$(small_domain a)" --domain "$(small_domain b),extra=end=reboot"
    expect_status one_that_reboots_reboots_the_machine_at_the_end 5 $? "$log"
    run "$log" --domain "$(crashing_domain a)" --domain "$(small_domain b)"
    expect_status one_that_crashed_is_the_machine_s_outcome 6 $? "$log"
    expect_text the_others_go_on_after_a_crash "$log" '(d2) END '
    expect_line crashed_domain_is_named_at_the_end "$log" \
        '(PIN) machine: reboot after a crash of d1'
    run "$log" --hv-append noreboot --domain "$(crashing_domain a)"
    expect_status noreboot_holds_without_a_first_domain_too 6 $? "$log"
    expect_line machine_is_halted_then "$log" '(PIN) machine: halted after a crash of d1'
    run "$log" --expect '(d2) END 7 passed' --domain "$(small_domain a)" \
        --domain "$(small_domain b)"
    expect_status text_of_one_domain_can_be_expected 0 $? "$log"
    run "$log" --kernel "$top/build/guests/conformance.elf" --initrd none --append only=timer \
        --domain "$(small_domain a)"
    expect_status with_a_first_domain_the_machine_ends_as_that_does 0 $? "$log"
    expect_text first_domain_and_another_start_together "$log" '(d1) BEGIN '
}

# ---- loaders ----

machine() { # LOG [QEMU ARGUMENT]...
    local log=$1
    shift
    timeout $limit qemu-system-x86_64 -accel tcg,thread=single -m 256 -display none -nodefaults \
        -no-reboot -serial "file:$log" "$@" >"$log.qemu" 2>&1 </dev/null
}

# GRUB takes quotation marks off, and puts its own around words with spaces.
grub_with_two_domains() { # NAME COMMAND MODULE_COMMAND
    local folder=$scratch/iso log=$scratch/$1.log
    rm -rf "$folder"
    mkdir -p "$folder/boot/grub"
    cp "$hypervisor" "$folder/boot/pinnace-hv"
    cp "$guest" "$folder/boot/guest.elf"
    printf 'the ramdisk' >"$folder/boot/ramdisk"
    cat >"$folder/boot/grub/grub.cfg" <<GRUB
set timeout=0
menuentry pinnace {
    $2 /boot/pinnace-hv console=com1 noreboot audit
    $3 /boot/guest.elf domain name=a,memory=32,extra="module=the first=1"
    $3 /boot/ramdisk ramdisk a
    $3 /boot/guest.elf domain 'name=b,memory=32M,extra="x,y z"'
}
GRUB
    grub-mkrescue -d /usr/lib/grub/i386-pc -o "$scratch/$1.iso" "$folder" \
        >"$scratch/mkrescue.log" 2>&1 ||
        fail "$1_image_can_be_made" "grub-mkrescue failed" "$scratch/mkrescue.log"
    machine "$log" -cdrom "$scratch/$1.iso"
    expect_status "$1_ends" 0 $? "$log" "$log.qemu"
    expect_match "$1_starts_the_domain_with_a_ramdisk" "$log" \
        '\(d1\) BEGIN xen-3.0-x86_64, 8192 pages, "module=the first=1"'
    expect_match "$1_gives_it_its_ramdisk" "$log" '\(d1\) END 8 passed, 0 failed, 0 skipped'
    expect_match "$1_starts_the_other_domain" "$log" \
        '\(d2\) BEGIN xen-3.0-x86_64, 8192 pages, "x,y z"'
    expect_match "$1_leaves_frames_in_order" "$log" '\(PIN\) audit: .*, 0 differences'
    expect_line "$1_powers_off_at_the_end" "$log" '(PIN) machine: power off'
}

# What is wrong with one domain is said in a line, and the others start.
bad_modules() {
    local log=$scratch/bad.log
    cp "$guest" "$scratch/guest" # QEMU takes a space in a name for its end
    printf 'no kernel' >"$scratch/text"
    (cd "$scratch" && machine "$log" -kernel "$hypervisor" -append 'console=com1 audit' -initrd \
        "guest domain name=a,,memory=lots,guest domain name=good,,memory=32,\
guest domain name=good,guest ramdisk other,text domain name=c,,memory=32,\
guest domain name=d,,memory=1,guest domain name=e,,memory=4096,\
guest domain name=f,,memory=32,,console=com3")
    expect_status bad_modules_leave_the_good_ones 0 $? "$log" "$log.qemu"
    expect_line bad_value_in_a_module_is_named "$log" \
        '(PIN) boot module 0: domain "a": memory=lots: must be a number of MiB, or one with K, M or'\
' G, from 1M to 1024G'
    expect_line name_given_twice_is_named "$log" \
        '(PIN) boot module 2: there is a domain with the name "good" already'
    expect_line ramdisk_of_nobody_is_named "$log" \
        '(PIN) boot module 3: it is the ramdisk of "other", but there is no such domain'
    expect_match file_that_is_no_kernel_is_named "$log" \
        '\(PIN\) domain "c" is not started: its kernel, boot module 4: it is no ELF file, and .*'
    expect_match too_little_memory_of_a_domain_is_named "$log" \
        '\(PIN\) domain "d" is not started: its kernel and ramdisk need [0-9]+ MiB, it gets 1 MiB .*'
    expect_match more_memory_than_there_is_is_named "$log" \
        '\(PIN\) domain "e" is not started: it is to have 4096 MiB, but [0-9]+ MiB are free'
    expect_match serial_port_that_is_not_there_is_named "$log" \
        '\(PIN\) domain "f": console=com3 is not possible, .*'
    expect_text good_domain_starts "$log" ' passed, 0 failed, '
    expect_match nothing_is_left_of_those_that_did_not "$log" '\(PIN\) audit: .*, 0 differences'
    expect_line those_that_did_not_are_not_the_outcome "$log" '(PIN) machine: power off'
}

# ---- what pinnace run refuses before there is a machine ----

refusals() {
    local machine_size="the machine has 1024 MiB, less [0-9]* MiB for kernels and ramdisks"
    refused key_that_is_unknown_is_named 2 \
        '--domain a: unknown key "disk"; the keys are name, memory, vcpus, extra, kernel, ramdisk,'\
' serial' run --domain name=a,disk=x
    refused domain_needs_a_name 2 '--domain: the key "name" is missing; every domain has one' \
        run --domain memory=64
    refused name_is_given_once 2 '--domain a: there is a domain with this name already' \
        run --domain name=a --domain name=a
    refused kernel_of_a_domain_must_be_there 3 'kernel /nowhere: No such file or directory' \
        run --domain name=a,kernel=/nowhere
    refused ramdisk_of_a_domain_must_be_there 3 'initrd /nowhere: No such file or directory' \
        run --domain name=a,ramdisk=/nowhere
    refused memory_of_a_domain_must_do 3 "domain a: kernel $top/build/kernel/vmlinuz: the domain has \
too little memory: it takes at least 78 MiB for its kernel, its initrd of 1 MiB and its tables, and \
gets 32 MiB (memory=)" run --domain name=a,memory=32
    "$pinnace" run --domain name=a,memory=900 --domain name=b >"$scratch/sum.log" 2>&1 </dev/null
    expect_status domains_must_fit_together 3 $? "$scratch/sum.log"
    expect_match domains_that_do_not_fit_are_counted "$scratch/sum.log" \
        "pinnace: the domains have 1028 MiB together, but $machine_size.*"
}

two_debians
cloud_kernel_on_a_serial_port_of_its_own
terminal_as_a_serial_port
ends
grub_with_two_domains grub_multiboot_2_domains multiboot2 module2
grub_with_two_domains grub_multiboot_1_domains multiboot module
bad_modules
refusals
