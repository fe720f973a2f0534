# SPDX-License-Identifier: BSD-2-Clause
# The core's host tests as tests/mutants/run builds them, in a copy of the sources: quickly, and with
# the core as a shared object, so that a change of one file of it compiles and links that alone.

CC    := gcc
FLAGS := -D__XEN_INTERFACE_VERSION__=0x00040e00 -I. -std=gnu11 -D_GNU_SOURCE -DPINNACE_DEBUG \
	-O0 -fPIC -fsanitize=address -w -MMD -MP

CORE_C := $(wildcard core/*.c)
# What a test links besides: the fake machine, the decoder that writable page tables need, and the
# builder, whose tables are one way to install an entry.
HELP_C := $(addprefix tests/fake/,check.c fake_machine.c fake_tlb.c fake_calls.c fake_grants.c \
	fake_steps.c fake_ways.c fake_builder.c) $(wildcard tests/model/*.c builder/*.c) \
	$(filter-out lib/string.c,$(wildcard lib/*.c))
TEST_C := $(shell grep -l -e fake_machine.h -e fake_grants.h -e fake_steps.h tests/unit/test_*.c)
TEST_C := $(filter-out $(shell grep -l '"hv/' $(TEST_C)),$(TEST_C))
TESTS  := $(TEST_C:tests/unit/%.c=out/%)

all: out/libcore.so $(TESTS)
.SECONDARY:

out/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(FLAGS) -c $< -o $@
out/libcore.so: $(CORE_C:%.c=out/%.o)
	@$(CC) -shared -Wl,-soname,libcore.so -fsanitize=address -o $@ $^
out/help.a: $(HELP_C:%.c=out/%.o)
	@rm -f $@ && ar rcs $@ $^
# The core's own changes need no new link of a test.
$(TESTS): out/%: out/tests/unit/%.o out/help.a | out/libcore.so
	@$(CC) -fsanitize=address -rdynamic -o $@ $< -Wl,--whole-archive out/help.a \
		-Wl,--no-whole-archive out/libcore.so -Wl,-rpath,'$$ORIGIN' -lcmocka -lpthread

-include $(shell find out -name '*.d' 2>/dev/null)
