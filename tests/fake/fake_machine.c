/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/fake/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/port.h"
#include "core/pte_update.h"
#include "core/reservation.h"
#include "core/tlb.h"

struct fake_state fake;

static struct domain domains[FAKE_DOMAIN_LIMIT];
static unsigned int domain_count;
static struct vcpu vcpus[FAKE_DOMAIN_LIMIT][FAKE_CPUS];
static struct audit_count *scratch;

NORETURN void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

/* ---- the machine --------------------------------------------------------------------------- */

void fake_start(uint64_t frame_count)
{
    fake_stop();
    fake = (struct fake_state){.audit_scratch = frame_count > 512 ? frame_count : 512};
    memset(&machine, 0, sizeof(machine));
    memset(domains, 0, sizeof(domains));
    memset(vcpus, 0, sizeof(vcpus));
    domain_count = 0;
    memset(fake.windows, 0xff, sizeof(fake.windows));
    fake.memory = mmap(NULL, frame_count * PAGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(fake.memory != MAP_FAILED);
    uint64_t m2p_count = round_up(frame_count, 512);
    struct frame *frames = calloc(frame_count, sizeof(frames[0]));
    uint64_t *bitmap = calloc((frame_count + 63) / 64, sizeof(bitmap[0]));
    uint64_t *m2p = calloc(m2p_count, sizeof(m2p[0]));
    scratch = calloc(fake.audit_scratch, sizeof(scratch[0]));
    machine_init(frames, frame_count, bitmap, m2p, m2p_count, FAKE_PHYSICAL_BITS);
    machine_add_hypervisor(mfn_make(FAKE_HYPERVISOR), 4);
    machine_add_m2p(mfn_make(FAKE_SHARED_READ));
    uint64_t ram = FAKE_SHARED_READ + pages_of(m2p_count * sizeof(m2p[0]));
    machine_add_free(mfn_make(ram), frame_count - ram);
    for (unsigned int i = 0; i < ARRAY_SIZE(machine.hypervisor_slots); i++) {
        machine.hypervisor_slots[i] =
            pte_make(mfn_make(FAKE_HYPERVISOR + i % 4), PTE_PRESENT | PTE_ACCESSED | PTE_USER);
    }
    machine.cpus_online = (UINT64_C(1) << FAKE_CPUS) - 1;
    fake_buffer(FAKE_ARGUMENTS, 64 * PAGE_SIZE, true);
    fake_buffer(FAKE_RESULT, sizeof(uint64_t), true);
}

void fake_stop(void)
{
    if (fake.memory == NULL) {
        return;
    }
    munmap(fake.memory, machine.frame_count * PAGE_SIZE);
    fake.memory = NULL;
    free(machine.frames);
    free(machine.free_bitmap);
    free(machine.m2p);
    free(scratch);
    for (unsigned int i = 0; i < FAKE_BUFFER_LIMIT; i++) {
        free(fake.buffers[i].bytes);
    }
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        fake_tlb_drop_all(cpu);
    }
}

int fake_teardown(void **state)
{
    (void)state;
    fake_stop();
    return 0;
}

struct domain *fake_domain(uint16_t id, unsigned int vcpu_count)
{
    assert_true(domain_count < FAKE_DOMAIN_LIMIT && vcpu_count <= FAKE_CPUS);
    struct domain *domain = &domains[domain_count];
    domain_init(domain, id);
    for (unsigned int i = 0; i < vcpu_count; i++) {
        vcpu_init(&vcpus[domain_count][i], domain, i);
        vcpus[domain_count][i].cpus = UINT64_C(1) << i;
    }
    domain_count++;
    return domain;
}

mfn_t fake_give_as_it_is(struct domain *domain)
{
    mfn_t mfn = reservation_find(domain, 0, 64);
    if (!mfn_equal(mfn, MFN_INVALID)) {
        reservation_give(domain, mfn, 1);
    }
    return mfn;
}

mfn_t fake_give(struct domain *domain)
{
    struct mmu_locked locked = domain_mmu_lock(domain);
    mfn_t mfn = fake_give_as_it_is(domain);
    domain_mmu_unlock(locked);
    assert_false(mfn_equal(mfn, MFN_INVALID));
    memset(fake_entries(mfn), 0, PAGE_SIZE);
    return mfn;
}

mfn_t *fake_window(const struct vcpu *vcpu)
{
    ptrdiff_t index = vcpu - &vcpus[0][0];
    assert_true(index >= 0 && (size_t)index < ARRAY_SIZE(fake.windows));
    return fake.windows[index];
}

pte_t *fake_entries(mfn_t mfn)
{
    return port_map_frame(mfn);
}

struct frame *fake_frame(mfn_t mfn)
{
    struct frame *frame = frame_find(mfn);
    assert_non_null(frame);
    return frame;
}

void assert_counts(mfn_t mfn, unsigned int references, unsigned int types)
{
    assert_int_equal(fake_frame(mfn)->ref_count, references);
    assert_int_equal(fake_frame(mfn)->type_count, types);
}

/* ---- the audit ----------------------------------------------------------------------------- */

static bool audit_is_loud;

static void report(mfn_t mfn, const char *rule, uint64_t counted, uint64_t recorded)
{
    if (audit_is_loud) {
        fprintf(stderr, "audit: frame %#llx %s: counted %#llx, recorded %#llx\n",
                (unsigned long long)mfn.value, rule, (unsigned long long)counted,
                (unsigned long long)recorded);
    }
}

/* Each descriptor frame of each vCPU is shown where it belongs, and nothing else is. */
static uint64_t audit_windows(void)
{
    uint64_t differences = 0;
    for (unsigned int i = 0; i < domain_count * FAKE_CPUS; i++) {
        const struct vcpu *vcpu = &vcpus[0][0] + i;
        for (unsigned int page = 0; vcpu->domain != NULL && page < FAKE_DESCRIPTOR_PAGES; page++) {
            mfn_t expected = MFN_INVALID;
            if (page < GDT_PAGES) {
                expected = vcpu->gdt_frames[page];
            } else if (page >= FAKE_WINDOW_LDT) {
                expected = vcpu->ldt_frames[page - FAKE_WINDOW_LDT];
            }
            mfn_t shown = fake_window(vcpu)[page];
            if (!mfn_equal(shown, expected)) {
                report(shown, "is shown in a descriptor window", expected.value, page);
                differences++;
            }
        }
    }
    return differences;
}

uint64_t fake_audit(bool loud)
{
    audit_is_loud = loud;
    struct audit_result result = audit_run(scratch, fake.audit_scratch, report);
    assert_int_equal(result.frames, machine.frame_count);
    return result.differences + audit_windows();
}

void assert_audit_clean(void)
{
    assert_int_equal(fake_audit(true), 0);
}

struct fake_snapshot {
    uint64_t frame_count;
    uint64_t free_count;
    uint64_t pages[FAKE_DOMAIN_LIMIT];
    struct vcpu vcpus[FAKE_DOMAIN_LIMIT][FAKE_CPUS];
    struct frame *frames;
    uint64_t *m2p;
    uint64_t *hashes;
};

static uint64_t hash_frame(mfn_t mfn)
{
    const uint64_t *words = port_map_frame(mfn);
    uint64_t hash = 0;
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(words[0]); i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    }
    return hash;
}

struct fake_snapshot *fake_snapshot(void)
{
    struct fake_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    assert_non_null(snapshot);
    uint64_t count = machine.frame_count;
    snapshot->frame_count = count;
    snapshot->free_count = machine.free_count;
    memcpy(snapshot->vcpus, vcpus, sizeof(vcpus));
    for (unsigned int i = 0; i < FAKE_DOMAIN_LIMIT; i++) {
        snapshot->pages[i] = domains[i].page_count;
    }
    snapshot->frames = calloc(count, sizeof(snapshot->frames[0]));
    snapshot->m2p = calloc(count, sizeof(snapshot->m2p[0]));
    snapshot->hashes = calloc(count, sizeof(snapshot->hashes[0]));
    memcpy(snapshot->m2p, machine.m2p, count * sizeof(snapshot->m2p[0]));
    for (uint64_t i = 0; i < count; i++) {
        struct frame *frame = &snapshot->frames[i];
        *frame = machine.frames[i];
        frame->writable_stamp = 0;
        frame->table_stamp = 0;
        frame->type = frame->type_count > 0 ? frame->type : FRAME_NONE;
        if (frame_class(frame) == FRAME_FREE) {
            frame->owner = DOMID_INVALID; /* whose data it holds, and the data, may change */
            continue;
        }
        snapshot->hashes[i] = hash_frame(mfn_make(i));
    }
    return snapshot;
}

static void snapshot_free(struct fake_snapshot *snapshot)
{
    free(snapshot->frames);
    free(snapshot->m2p);
    free(snapshot->hashes);
    free(snapshot);
}

static void compare_vcpus(const struct vcpu *first, const struct vcpu *second)
{
    assert_int_equal(first->kernel_base.value, second->kernel_base.value);
    assert_int_equal(first->user_base.value, second->user_base.value);
    assert_memory_equal(first->gdt_frames, second->gdt_frames, sizeof(first->gdt_frames));
    assert_memory_equal(first->ldt_frames, second->ldt_frames, sizeof(first->ldt_frames));
    assert_int_equal(first->gdt_entries, second->gdt_entries);
    assert_int_equal(first->ldt_entries, second->ldt_entries);
    assert_int_equal(first->walk.mode, second->walk.mode);
    assert_int_equal(first->foreign_drop_count, second->foreign_drop_count);
}

void assert_same(struct fake_snapshot *first, struct fake_snapshot *second)
{
    assert_int_equal(first->frame_count, second->frame_count);
    for (uint64_t i = 0; i < first->frame_count; i++) {
        if (memcmp(&first->frames[i], &second->frames[i], sizeof(first->frames[i])) != 0) {
            const struct frame *a = &first->frames[i];
            const struct frame *b = &second->frames[i];
            fail_msg("frame %#llx: owner %u %u, flags %#x %#x, references %u %u, type %u %u, type "
                     "count %u %u",
                     (unsigned long long)i, a->owner, b->owner, a->flags, b->flags, a->ref_count,
                     b->ref_count, a->type, b->type, a->type_count, b->type_count);
        }
        if (first->hashes[i] != second->hashes[i]) {
            fail_msg("frame %#llx: the contents differ", (unsigned long long)i);
        }
        if (first->m2p[i] != second->m2p[i]) {
            fail_msg("frame %#llx: M2P %#llx %#llx", (unsigned long long)i,
                     (unsigned long long)first->m2p[i], (unsigned long long)second->m2p[i]);
        }
    }
    assert_int_equal(first->free_count, second->free_count);
    assert_memory_equal(first->pages, second->pages, sizeof(first->pages));
    for (unsigned int i = 0; i < FAKE_DOMAIN_LIMIT; i++) {
        for (unsigned int j = 0; j < FAKE_CPUS; j++) {
            compare_vcpus(&first->vcpus[i][j], &second->vcpus[i][j]);
        }
    }
    snapshot_free(first);
    snapshot_free(second);
}

void assert_unchanged(struct fake_snapshot *snapshot)
{
    assert_same(snapshot, fake_snapshot());
}

/* ---- core/port.h --------------------------------------------------------------------------- */

void *port_map_frame(mfn_t mfn)
{
    CHECK(mfn.value < machine.frame_count);
    return fake.memory + (mfn.value << PAGE_SHIFT);
}

struct fake_buffer *fake_buffer(uint64_t address, size_t size, bool writable)
{
    for (unsigned int i = 0; i < FAKE_BUFFER_LIMIT; i++) {
        struct fake_buffer *buffer = &fake.buffers[i];
        if (buffer->bytes == NULL || buffer->address == address) {
            free(buffer->bytes);
            *buffer = (struct fake_buffer){address, size, calloc(1, size), writable};
            assert_non_null(buffer->bytes);
            return buffer;
        }
    }
    fail_msg("too many buffers");
    return NULL;
}

/* One byte of guest memory: in a test buffer, or through the vCPU's tables. NULL: fault. */
static uint8_t *guest_byte(uint64_t address, enum fake_access access)
{
    for (unsigned int i = 0; i < FAKE_BUFFER_LIMIT; i++) {
        const struct fake_buffer *buffer = &fake.buffers[i];
        if (buffer->bytes != NULL && address - buffer->address < buffer->size) {
            bool allowed = access == FAKE_READ || buffer->writable;
            return allowed ? buffer->bytes + (address - buffer->address) : NULL;
        }
    }
    if (fake.vcpu == NULL) {
        return NULL;
    }
    return fake_access(fake.cpu, fake.vcpu->domain, fake.vcpu->kernel_base, address, access);
}

/* Sizes here are too small to reach from one half of the address space into the other. */
static bool range_is_guest(uint64_t address, size_t size)
{
    uint64_t last = address + size - 1;
    return size == 0 || (last >= address && address_is_guest(address) && address_is_guest(last));
}

/* False: the access is outside the guest, or is to fail. */
static bool begin_copy(uint64_t address, size_t size, bool write)
{
    if (fake.on_copy != NULL) {
        fake.on_copy(address, size, write);
    }
    return ++fake.copies != fake.fail_copy_at && range_is_guest(address, size);
}

bool port_copy_from_guest(void *to, uint64_t address, size_t size)
{
    uint8_t *bytes = to;
    if (!begin_copy(address, size, false)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        const uint8_t *byte = guest_byte(address + i, FAKE_READ);
        if (byte == NULL) {
            return false;
        }
        bytes[i] = *byte;
    }
    return true;
}

bool port_copy_to_guest(uint64_t address, const void *from, size_t size)
{
    const uint8_t *bytes = from;
    if (!begin_copy(address, size, true)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t *byte = guest_byte(address + i, FAKE_WRITE);
        if (byte == NULL) {
            return false;
        }
        *byte = bytes[i];
    }
    return true;
}

/* The tests say themselves whose turn it is. */
void port_wait_for_others(void)
{
    fake.waits++;
}

bool port_should_yield(void)
{
    fake.yield_queries++;
    switch (fake.yield) {
    case FAKE_YIELD_NEVER:
        return false;
    case FAKE_YIELD_ALWAYS:
        return true;
    case FAKE_YIELD_AT:
        return fake.yield_queries >= fake.yield_at;
    }
    return false;
}

unsigned int port_cpu(void)
{
    return fake.cpu;
}

static void tell(const char *what)
{
    if (fake.watch != NULL) {
        fake.watch(what);
    }
}

static void flush_cpu(unsigned int cpu)
{
    uint32_t clock = tlb_flush_begin();
    if (!fake.flushes_are_lost) {
        fake_tlb_drop_all(cpu);
    }
    tlb_flush_end(cpu, clock);
}

void port_flush_tlb(uint64_t cpus)
{
    tell("flush_tlb");
    fake.full_flushes++;
    fake.last_flush_cpus = cpus;
    assert_int_equal(cpus & ~machine.cpus_online, 0);
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        if (((cpus >> cpu) & 1) != 0) {
            flush_cpu(cpu);
        }
    }
}

void port_flush_tlb_page(uint64_t cpus, uint64_t address)
{
    fake.page_flushes++;
    fake.last_flush_cpus = cpus;
    fake.last_flush_address = address;
    assert_true(address_is_guest(address));
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        if (((cpus >> cpu) & 1) != 0) {
            fake_tlb_drop_page(cpu, address);
        }
    }
}

void port_flush_caches(uint64_t cpus)
{
    fake.cache_flushes++;
    fake.last_flush_cpus = cpus;
}

void port_base_changed(struct vcpu *vcpu)
{
    tell("base_changed");
    fake.base_changes++;
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        if (((vcpu->cpus >> cpu) & 1) != 0) {
            flush_cpu(cpu);
        }
    }
}

void port_show_descriptors(struct vcpu *vcpu, unsigned int page, mfn_t frame)
{
    tell("show_descriptors");
    assert_true(page < FAKE_DESCRIPTOR_PAGES);
    if (!mfn_equal(frame, MFN_INVALID)) {
        const struct frame *record = fake_frame(frame);
        assert_int_equal(record->type, FRAME_DESCRIPTORS);
        assert_true(record->type_count > 0 && frame_is_validated(record));
        assert_int_equal(record->owner, vcpu->domain->id);
    }
    fake_window(vcpu)[page] = frame;
}

void port_ldt_changed(struct vcpu *vcpu)
{
    (void)vcpu;
    fake.ldt_changes++;
}

void port_domain_empty(struct domain *domain)
{
    fake.empty_domains[domain->id] = true;
}

uint64_t port_segment_base(bool gs)
{
    return gs ? fake.gs_base : fake.fs_base;
}

void port_explain_refusal(const struct vcpu *vcpu, enum status status,
                          const struct refusal *refusal)
{
    (void)vcpu;
    assert_true(strlen(status_text(status)) > 1);
    assert_true(strlen(refusal->what) > 1);
    assert_true(status != STATUS_FAULT || refusal->size > 0);
    assert_true(status > STATUS_AGAIN); /* what goes on later is no refusal */
    fake.refusal = (struct fake_refusal){status, *refusal, fake.refusal.count + 1};
}

void port_explain_unknown(struct vcpu *vcpu, unsigned int call, uint64_t command)
{
    (void)vcpu;
    assert_in_range(call, 1, __HYPERVISOR_arch_0 - 1);
    fake.refusal = (struct fake_refusal){
        STATUS_UNKNOWN_COMMAND, {.what = "call", .number = command}, fake.refusal.count + 1};
}
