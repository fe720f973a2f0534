# SPDX-License-Identifier: BSD-2-Clause
# Pinnace's build. One file, not recursive; everything it makes is under build/.
#
#   make                the hypervisor, the tools and the guest kernels
#   make DEBUG=1        the same with ASSERT() and trapping UB checks in the hypervisor, under build/debug/
#   make MEASURE=1      a hypervisor that measures how long it listens to nobody, under build/measure/
#   make check-host     build and run the host tests (ASan, UBSan)
#   make stretch        the longest stretch in which it listens to nobody, over the entire suite
#   make mutants        edits that make the core wrong: does a host test notice each?
#   make coverage       the branches of core/ and builder/ that the host tests take
#   make fuzz           run a fuzzer until it finds something (FUZZER=mmu, guest_pointer, insn,
#                       elf, bzimage, config or domain_spec)
#   make seeds          put what it has found so far among its seeds (FUZZER=...)
#   make CC=clang       with clang instead of gcc

# V=1 shows the commands.
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

CC      := gcc
OBJCOPY := objcopy
STRIP   := strip

DEBUG   ?= 0
MEASURE ?= 0
ifeq ($(DEBUG),1)
HV_BUILD := build/debug
HV_DEBUG := -DPINNACE_DEBUG -fsanitize=undefined -fsanitize-undefined-trap-on-error \
	-fno-omit-frame-pointer
HV_LTO   :=
else
HV_BUILD := build
HV_DEBUG := -fomit-frame-pointer
ifeq ($(MEASURE),1)
HV_BUILD := build/measure
HV_DEBUG += -DPINNACE_MEASURE
endif
# What the core calls through its port is inlined at link time. (clang would need another linker.)
HV_LTO   := $(if $(findstring clang,$(CC)),,-flto=auto)
endif

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# Without this the public headers select historic call numbers.
ABI := -D__XEN_INTERFACE_VERSION__=0x00040e00

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wundef -Wvla \
	-Wcast-align -Wcast-qual -Wwrite-strings -Wredundant-decls -Wpointer-arith \
	-Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wformat=2 -Wimplicit-fallthrough

COMMON      := $(ABI) -I. -Ibuild/include -O2 -g -MMD -MP
FREESTANDING := -ffreestanding -fpie -fvisibility=hidden -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-common -include lib/hidden.h
HV_FLAGS    := $(COMMON) $(WARNINGS) $(FREESTANDING) $(HV_DEBUG) $(HV_LTO) -Wframe-larger-than=1024
CORE_FLAGS  := $(HV_FLAGS) -std=c11 -Wpedantic
HV_C_FLAGS  := $(HV_FLAGS) -std=gnu11
TOOL_FLAGS  := $(COMMON) $(WARNINGS) -std=gnu11 -D_GNU_SOURCE
HOST_FLAGS  := $(COMMON) $(WARNINGS) -std=gnu11 -D_GNU_SOURCE -DPINNACE_DEBUG \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
GUEST_FLAGS := $(COMMON) $(WARNINGS) $(FREESTANDING) -fno-pie -mcmodel=kernel -std=gnu11

# ---- what there is ---------------------------------------------------------------------------

CORE_C    := $(wildcard core/*.c)
BUILDER_C := $(wildcard builder/*.c)
LIB_C     := $(wildcard lib/*.c)
# hv/entry/offsets.h.in.c is no part of the image: it becomes build/include/offsets.h.
HV_C      := $(filter-out %.in.c,$(wildcard hv/*.c hv/*/*.c))
HV_S      := $(wildcard hv/*/*.S)
TOOL_C    := $(wildcard tools/*.c tools/control/*.c)
# The builder, whose checks the tool makes before the hypervisor does, and what it needs.
TOOL_SHARED_C := $(BUILDER_C) lib/elf.c lib/options.c lib/domain_spec.c lib/memory_size.c lib/format.c
# What calls the hypervisor it runs on: no host test can.
TOOL_CALLS_C := $(patsubst %,tools/control/%.c,build_target console control create create_command \
	domain find frames life list machine machine_commands memory monitor store walk_command)
TOOL_LIBS := -ljansson -lz -lbz2 -llzma -llz4 -lzstd
# For the commands in the first domain. The program is static, so that it can be put into any.
CONTROL_LIBS := -lxenstore -lxenforeignmemory -lxencall -lxentoollog -lxentoolcore -lpthread
FAKE_C    := $(wildcard tests/fake/*.c) $(wildcard tests/model/*.c)
UNIT_C    := $(wildcard tests/unit/test_*.c)
GUESTS    := $(filter-out lib unpack,$(patsubst guests/%/,%,$(wildcard guests/*/)))

# Parts of hv/ that touch no hardware, or not in what is tested: the host tests link them too.
HV_PURE_C := $(wildcard hv/boot/loader.c hv/boot/multiboot.c hv/boot/multiboot2.c \
	hv/boot/plan.c hv/boot/pvh.c hv/boot/unpacked.c hv/acpi/tables.c hv/console/line.c \
	hv/console/pv_ring.c hv/console/conring.c hv/sched/run_queue.c hv/mem/own_mappings.c \
	hv/debug/audit_processor.c hv/debug/audit_state.c hv/debug/audit_tables.c hv/cpu/control.c \
	hv/cpu/debug.c)

UNIT_TESTS := $(UNIT_C:tests/unit/%.c=build/tests/%) build/tests/test_threads build/tests/test_small_counts
GUEST_ELFS := $(GUESTS:%=build/guests/%.elf)

.PHONY: FORCE all hypervisor tools guests tests check-host clean format
.DELETE_ON_ERROR:
.SECONDARY:

all: hypervisor tools guests compile_commands.json
hypervisor: $(HV_BUILD)/pinnace-hv build/pinnace-unpack
tools: build/pinnace
guests: $(GUEST_ELFS)
tests: $(UNIT_TESTS) build/system/dialog build/system/fake-hypervisor build/system/fake-loader

# ---- the hypervisor --------------------------------------------------------------------------

HV_OBJECTS := $(CORE_C:%.c=$(HV_BUILD)/hv-obj/%.o) $(BUILDER_C:%.c=$(HV_BUILD)/hv-obj/%.o) \
	$(LIB_C:%.c=$(HV_BUILD)/hv-obj/%.o) $(HV_C:%.c=$(HV_BUILD)/hv-obj/%.o) \
	$(HV_S:%.S=$(HV_BUILD)/hv-obj/%.S.o)

# A change of flags, or of the compiler, remakes everything.
build/compiler: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(HV_OBJECTS): Makefile build/compiler

$(HV_BUILD)/hv-obj/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) -c $< -o $@
$(HV_BUILD)/hv-obj/builder/%.o: builder/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CORE_FLAGS) -c $< -o $@
$(HV_BUILD)/hv-obj/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_C_FLAGS) -c $< -o $@
$(HV_BUILD)/hv-obj/hv/%.o: hv/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_C_FLAGS) -c $< -o $@
$(HV_BUILD)/hv-obj/hv/%.S.o: hv/%.S build/include/offsets.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -std=gnu11 $(HV_LTO),$(HV_C_FLAGS)) -D__ASSEMBLY__ -c $< -o $@

# The version is compiled into one object, remade when the version changes.
build/include/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define PINNACE_VERSION "%s"\n' '$(VERSION)' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:
$(HV_BUILD)/hv-obj/hv/boot/main.o: build/include/version.h

# Offsets of C structs for the assembly, generated, not typed.
build/include/offsets.h: hv/entry/offsets.h.in.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HV_C_FLAGS) -fno-lto -MF build/include/offsets.d -MT $@ -S $< -o build/include/offsets.s
	$(Q)sed -n 's/^.*"->\([A-Z_0-9]*\) \([-0-9]*\)".*$$/#define \1 \2/p' build/include/offsets.s > $@

$(HV_BUILD)/pinnace-hv.full: $(HV_OBJECTS) hv/boot/link.ld
	$(Q)$(CC) $(if $(HV_LTO),$(filter-out -MMD -MP,$(HV_C_FLAGS))) -nostdlib -static \
		-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--build-id=none \
		-Wl,--no-warn-rwx-segments -Wl,-T,hv/boot/link.ld -o $@ $(HV_OBJECTS)
$(HV_BUILD)/pinnace-hv: $(HV_BUILD)/pinnace-hv.full
	$(Q)$(STRIP) --strip-all -o $@ $<

# ---- the tools -------------------------------------------------------------------------------

build/tool-obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_FLAGS) -c $< -o $@
build/pinnace: $(TOOL_C:%.c=build/tool-obj/%.o) $(TOOL_SHARED_C:%.c=build/tool-obj/%.o)
	$(Q)$(CC) -g -static -o $@ $^ $(TOOL_LIBS) $(CONTROL_LIBS)

# ---- guest kernels: guests/lib is the shared runtime, each other folder one kernel ------------

# An archive: a kernel gets what it uses, and may have a guest_main() of its own.
GUEST_LIB_OBJECTS := $(patsubst %.c,build/guest-obj/%.o,$(wildcard guests/lib/*.c)) \
	$(patsubst %.S,build/guest-obj/%.S.o,$(wildcard guests/lib/*.S)) \
	build/guest-obj/lib/string.o build/guest-obj/lib/format.o
build/guest-obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_FLAGS) -c $< -o $@
build/guest-obj/%.S.o: %.S build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -std=gnu11,$(GUEST_FLAGS)) -D__ASSEMBLY__ -c $< -o $@
build/guest-obj/lib.a: $(GUEST_LIB_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^
# One that uses another's files names them here.
GUEST_USES_cycles := domains/control.c domains/child.c domains/child.S
guest_objects = $(patsubst guests/%.c,build/guest-obj/guests/%.o,$(patsubst guests/%.S,build/guest-obj/guests/%.S.o,\
	$(wildcard guests/$(1)/*.c guests/$(1)/*.S) $(addprefix guests/,$(GUEST_USES_$(1)))))
define GUEST_RULE
build/guests/$(1).elf: $$(call guest_objects,$(1)) build/guest-obj/lib.a guests/lib/link.ld
	@mkdir -p $$(@D)
	$$(Q)$$(CC) -nostdlib -static -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
		-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,guests/lib/link.ld -o $$@ $$(filter %.o %.a,$$^)
endef
$(foreach guest,$(GUESTS),$(eval $(call GUEST_RULE,$(guest))))

# The guest that unpacks kernels: little of the runtime, what the tools unpack with, and Debian's
# static libraries.
UNPACK_TOOL_C := $(patsubst %,tools/%.c,bzimage compression decompress kernel_unpack lzo1x reason) \
	$(wildcard tools/decode_*.c)
UNPACK_OBJECTS := $(patsubst %.c,build/guest-obj/%.o,$(wildcard guests/unpack/*.c) $(UNPACK_TOOL_C) \
	guests/lib/console.c lib/string.c lib/format.c) \
	$(patsubst %,build/guest-obj/guests/%.S.o,lib/start unpack/absent)
UNPACK_LIBS := -lz -lbz2 -llzma -llz4 -lzstd
build/pinnace-unpack: $(UNPACK_OBJECTS) guests/lib/link.ld
	$(Q)$(CC) -nostdlib -static -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--gc-sections \
		-Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,guests/lib/link.ld -Wl,--strip-all \
		-o $@ $(UNPACK_OBJECTS) $(UNPACK_LIBS)

# ---- host tests ------------------------------------------------------------------------------

build/host-obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_FLAGS) -c $< -o $@
# The host has a C library: lib/string.c is the hypervisor's and the guests'.
HOST_OBJECTS := $(CORE_C:%.c=build/host-obj/%.o) $(BUILDER_C:%.c=build/host-obj/%.o) \
	$(patsubst %.c,build/host-obj/%.o,$(filter-out lib/string.c,$(LIB_C))) \
	$(FAKE_C:%.c=build/host-obj/%.o) $(HV_PURE_C:%.c=build/host-obj/%.o) \
	build/host-obj/guests/unpack/arena.o \
	$(patsubst %.c,build/host-obj/%.o,$(filter-out tools/main.c tools/port.c $(TOOL_CALLS_C),$(TOOL_C)))
build/host.a: $(HOST_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^
# Threads need TSan, which does not go with ASan: the parts of the core that they run are built again.
THREAD_C := tests/thread/test_threads.c $(patsubst %,core/%.c,domain frame frame_alloc machine tlb)
THREAD_FLAGS := $(filter-out -fsanitize=address%,$(HOST_FLAGS)) -fsanitize=thread
build/thread-obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(THREAD_FLAGS) -c $< -o $@
build/tests/test_threads: $(THREAD_C:%.c=build/thread-obj/%.o)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=thread -g -o $@ $^ -lcmocka

# Small counts, so that they meet their limits: the core again, and its random test.
NARROW_C := tests/unit/test_property.c $(CORE_C) $(patsubst %,tests/fake/fake_%.c,machine tlb calls)
build/narrow-obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_FLAGS) -DFRAME_COUNT_MAX=8 -c $< -o $@
build/tests/test_small_counts: $(NARROW_C:%.c=build/narrow-obj/%.o) build/host.a
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -g -o $@ $^ -lcmocka

build/tests/%: build/host-obj/tests/unit/%.o build/host.a
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -g -o $@ $^ -lcmocka $(TOOL_LIBS)

# What the system tests need: a terminal to type at, and a hypervisor that misbehaves on demand.
build/system/dialog: tests/system/dialog.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(TOOL_FLAGS) -o $@ $< -lutil
# The stand-ins are 32-bit Multiboot kernels; the loader has to keep out of the hypervisor's way.
build/system/fake-hypervisor: FAKE_AT := 0x100000
build/system/fake-loader: FAKE_AT := 0x4000000
build/system/fake-%: tests/system/fake_%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(WARNINGS) -std=gnu11 -m32 -ffreestanding -fno-pie -fno-stack-protector \
		-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only \
		-nostdlib -static -Wl,-m,elf_i386 -Wl,--build-id=none -Wl,-z,noseparate-code \
		-Wl,-Ttext-segment=$(FAKE_AT) -Wl,--strip-all -o $@ $<

# ---- fuzzers: tests/fuzz/fuzz_NAME.c becomes build/fuzz/NAME, with clang whatever $(CC) is ------
# One that is more than a file has the others in tests/fuzz/NAME/.

FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS    = $(COMMON) $(WARNINGS) -std=gnu11 -D_GNU_SOURCE -DPINNACE_DEBUG \
	-fsanitize=$(FUZZ_COVERAGE)address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_COVERAGE = fuzzer-no-link,
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz-obj/%.o,$(filter-out tools/main.c $(TOOL_CALLS_C),$(TOOL_C)) $(TOOL_SHARED_C) \
	$(CORE_C) $(filter-out lib/string.c lib/elf.c,$(LIB_C)) hv/boot/plan.c tests/fake/fake_builder.c)
FUZZ_FAKES   := $(patsubst %.c,build/fuzz-obj/%.o,$(patsubst %,tests/fake/fake_%.c,machine tlb calls grants) \
	$(wildcard tests/model/*.c))
FUZZ_MMU     := $(patsubst %.c,build/fuzz-obj/%.o,$(wildcard tests/fuzz/mmu/*.c))

build/fuzz-obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -c $< -o $@
# What only checks or pretends leads to no new ground, and is most of the work.
build/fuzz-obj/core/audit.o build/fuzz-obj/core/audit_%.o build/fuzz-obj/tests/fake/%.o \
	build/fuzz-obj/tests/model/%.o: FUZZ_COVERAGE =
# Tables are compared entry by entry: no numbers to learn there, and it costs most of the time.
build/fuzz-obj/core/%.o build/fuzz-obj/tests/fuzz/fuzz_mmu.o build/fuzz-obj/tests/fuzz/mmu/%.o: \
	FUZZ_FLAGS += -fno-sanitize-coverage=trace-cmp
build/fuzz.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^
build/fuzz/mmu build/fuzz/guest_pointer: $(FUZZ_FAKES)
build/fuzz/mmu: $(FUZZ_MMU)
$(FUZZERS): build/fuzz/%: build/fuzz-obj/tests/fuzz/fuzz_%.o build/fuzz.a Makefile
	@mkdir -p $(@D)
	$(Q)clang -fsanitize=fuzzer,address,undefined -g -o $@ $(filter %.o,$^) build/fuzz.a \
		$(TOOL_LIBS) -lcmocka -lZydis
build/fuzz/make-seeds: build/host-obj/tests/fuzz/make_seeds.o build/host.a
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=address,undefined -g -o $@ $^ $(TOOL_LIBS)

.PHONY: fuzzers fuzz seeds
fuzzers: $(FUZZERS)

# On and on, keeping what leads to new ground: make fuzz FUZZER=elf
FUZZER ?= mmu
fuzz: build/fuzz/$(FUZZER)
	@mkdir -p build/fuzz/found/$(FUZZER)
	build/fuzz/$(FUZZER) -malloc_limit_mb=4096 -rss_limit_mb=4096 -artifact_prefix=build/fuzz/ build/fuzz/found/$(FUZZER) tests/fuzz/seeds/$(FUZZER)

# Choose the seeds in the tree anew, from them and what make fuzz has found: make seeds FUZZER=elf
seeds: build/fuzz/$(FUZZER) build/fuzz/make-seeds
	$(Q)build/fuzz/make-seeds tests/fuzz/seeds
	$(Q)tests/fuzz/renew_seeds $(FUZZER)

check-host: tests
	@for t in $(UNIT_TESTS); do $$t || exit 1; done

# Edits that make the core wrong, one at a time: a host test must notice each; writes
# docs/mutants.md.
.PHONY: mutants coverage
mutants:
	$(Q)tests/mutants/run

# All guests and system tests on the image that measures. An hour.
.PHONY: stretch
stretch:
	$(Q)tests/stretch_suite

# Which branches of core/ and builder/ the host tests take: a summary, and build/coverage/index.html.
# docs/coverage.md is about the others, and is held to that. What is not core/ or builder/ is linked
# as it is.
COVERED      := $(CORE_C:%.c=build/coverage/obj/%.o) $(BUILDER_C:%.c=build/coverage/obj/%.o)
COVER_TESTS  := $(patsubst tests/unit/%.c,build/coverage/%,\
	$(shell grep -lE '"(core|builder|tests/fake)/' $(UNIT_C)))
COVER_FLAGS  := $(filter-out -O2 -fsanitize%,$(HOST_FLAGS)) -O0 --coverage \
	-Wno-maybe-uninitialized
build/coverage/obj/%.o: %.c build/compiler
	@mkdir -p $(@D)
	$(Q)$(CC) $(COVER_FLAGS) -c $< -o $@
$(COVER_TESTS): build/coverage/%: build/host-obj/tests/unit/%.o $(COVERED) build/host.a
	$(Q)$(CC) -fsanitize=address,undefined --coverage -o $@ $^ -lcmocka $(TOOL_LIBS)
coverage: $(COVER_TESTS)
	$(Q)find build/coverage/obj -name '*.gcda' -delete
	$(Q)for t in $(COVER_TESTS); do $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; done
	$(Q)gcovr --root . --filter core/ --filter builder/ --branches --sort-uncovered \
		--exclude-branches-by-pattern '^ *(CHECK|ASSERT)\(' \
		--html-details build/coverage/index.html build/coverage/obj
	$(Q)gcovr --root . --filter core/ --filter builder/ --branches --print-summary \
		--exclude-branches-by-pattern '^ *(CHECK|ASSERT)\(' build/coverage/obj | tee build/coverage/report
	$(Q)tests/coverage_notes build/coverage/report

# The guest tests on Debian's Xen and on Pinnace, side by side; writes docs/conformance.md.
.PHONY: peer
peer:
	@tests/peer/run

# ---- the rest --------------------------------------------------------------------------------

# One entry a source file, with the flags it is really compiled with.
compile_commands.json: Makefile $(CORE_C) $(BUILDER_C) $(LIB_C) $(HV_C) $(TOOL_C)
	@{ echo '['; separator=; \
	emit() { printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}' "$$separator" "$(CURDIR)" "$$2" "$$1" "$$2"; separator=','; echo; }; \
	for f in $(CORE_C) $(BUILDER_C); do emit '$(CC) $(CORE_FLAGS)' $$f; done; \
	for f in $(LIB_C) $(HV_C); do emit '$(CC) $(HV_C_FLAGS)' $$f; done; \
	for f in $(TOOL_C); do emit '$(CC) $(TOOL_FLAGS)' $$f; done; \
	echo ']'; } > $@

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build compile_commands.json

-include $(shell find build -type f -name '*.d' 2>/dev/null)
