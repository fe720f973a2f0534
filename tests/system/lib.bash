# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# For the scripts beside this one: where things are, and how a test says what it found. Each test
# prints one line, "PASS name" or "FAIL name: why", which ./test counts.
set -u

top=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
pinnace=$top/build/pinnace
dialog=$top/build/system/dialog
fake=$top/build/system/fake-hypervisor
guest=$top/build/guests/image.elf # a kernel that is quick to load, for what never runs it
vmlinuz=$(readlink -f "$top/build/kernel/vmlinuz")

cloud_vmlinuz=$(readlink -f "$top/build/kernel/vmlinuz-cloud")

# The limits of what runs long are times this, for slow machines.
patience=${PATIENCE:-1}

scratch=$(mktemp -d "$top/build/system test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

pass() { printf 'PASS %s\n' "$1"; }

# What is known is shown before the verdict: fail NAME WHY [LOG FILE]...
fail() {
    local log
    for log in "${@:3}"; do
        printf -- '---- the end of %s:\n' "${log##*/}"
        tail -n 25 "$log" | tr -d '\r'
        printf -- '----\n'
    done
    printf 'FAIL %s: %s\n' "$1" "$2"
}

# expect_status NAME WANTED GOT [LOG FILE]...
expect_status() {
    if [ "$3" = "$2" ]; then
        pass "$1"
    else
        fail "$1" "exit status $3, not $2" "${@:4}"
    fi
}

# Whether a line of the file is this text; carriage returns do not count.
has_line() { tr -d '\r' <"$1" | grep -qxF -- "$2"; }

# expect_line NAME FILE TEXT
expect_line() {
    if has_line "$2" "$3"; then
        pass "$1"
    else
        fail "$1" "the line \"$3\" is missing" "$2"
    fi
}

# expect_text NAME FILE TEXT: somewhere in the file.
expect_text() {
    if tr -d '\r' <"$2" | grep -qF -- "$3"; then
        pass "$1"
    else
        fail "$1" "the text \"$3\" is missing" "$2"
    fi
}

# await_text FILE TEXT PROCESS: until it is somewhere in the file, or the process, which has a time
# limit of its own, has ended.
await_text() {
    until grep -qsaF -- "$2" "$1"; do
        kill -0 "$3" 2>/dev/null || return
        sleep 0.1
    done
}

# refused NAME STATUS MESSAGE ARGUMENT...: pinnace says just this, with this exit status.
refused() {
    local name=$1 wanted=$2 message=$3 log=$scratch/refused.log status
    shift 3
    timeout 60 "$pinnace" "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ "$(cat "$log")" != "pinnace: $message" ]; then
        fail "$name" "it does not say just: $message" "$log"
    else
        expect_status "$name" "$wanted" $status "$log"
    fi
}

# ---- kernel files, taken apart and put together ----

# number_at FILE OFFSET BYTES, and the other way round: little_endian NUMBER writes four bytes.
number_at() { od -An -tu"$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
little_endian() {
    local number=$1 _
    for _ in 1 2 3 4; do
        # shellcheck disable=SC2059
        printf "\\x$(printf %02x $((number & 255)))"
        number=$((number >> 8))
    done
}

# Where a boot image's payload begins: after the sectors of real-mode code, at the offset in the
# header.
payload_offset() {
    echo $((($(number_at "$1" 497 1) + 1) * 512 + $(number_at "$1" 584 4)))
}

# overwrite FILE OFFSET: with what comes on standard input.
overwrite() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# bzimage FILE PAYLOAD: a boot image, which is Debian's but for the payload.
bzimage() {
    local offset
    offset=$(payload_offset "$vmlinuz")
    { head -c "$offset" "$vmlinuz" && cat "$2"; } >"$1"
    little_endian "$(stat -c %s "$2")" | overwrite "$1" 588
}

# pack COMPRESSION FILE: as Linux's build does it, to standard output, with the unpacked size.
pack() {
    case $1 in
    gzip) gzip -n -9 <"$2" && return ;; # has the size at its end by itself
    bzip2) bzip2 -9 <"$2" ;;
    lzma) xz --format=lzma -6 <"$2" ;;
    xz) xz --check=crc32 --x86 --lzma2=preset=6 <"$2" ;;
    lzo) lzop -9 <"$2" ;;
    lz4) lz4 -q -l -9 - - <"$2" ;;
    zstd) zstd -q -19 <"$2" ;;
    zstd-long) zstd -q --ultra --long=31 <"$2" ;; # names a window of 2 GiB
    esac
    little_endian "$(stat -c %s "$2")"
}
