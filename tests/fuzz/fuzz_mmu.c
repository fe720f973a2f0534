/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams of MMU and grant operations of two domains with two vCPUs each; the second may be
 * destroyed and made anew. The input chooses the operations, their arguments, where they are
 * interrupted, and what comes between. After each execution the audit is clean and no CPU remembers
 * what it must not (fake_call_once()); after each operation that nothing came between, the answer
 * and the whole state are those of the reference model.
 *
 * With FUZZ_TRACE in the environment it says what an input does: FUZZ_TRACE=1 build/fuzz/mmu FILE.
 */
#include "tests/fake/fake_grants.h"
#include "tests/fake/fake_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#include "core/descriptors.h"
#include "core/pt_store.h"
#include "core/teardown.h"
#include "tests/model/mirror.h"

#define FRAMES          120U
#define DOMAIN_FRAMES   40U
#define OPERATION_LIMIT 100U
#define PATIENCE        40U   /* executions before a call is given up that others may block */
#define EXECUTION_LIMIT 3000U /* executions in which a call that nobody blocks is done */
#define BUFFER_PAGES    8U    /* of arguments, for each of two operations under way and for code */
#define IO_DENIED_MFN   1000U
#define IO_READ_MFN     1004U
#define ELEMENTS        4U
#define FIRST_REF       8U /* of the grants that are made */
#define REFS            4U
#define TEARDOWN_LIMIT  3000U

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_left;

static struct reference model;
static struct domain *domains[2];
static mfn_t shared_frame;
static mfn_t mortal_info;    /* shared_info of the second domain */
static unsigned int lives;   /* how often the second domain can be made anew */
static bool is_synchronised; /* the model is what core was before this operation */
static bool was_disturbed;   /* something came between the executions of this operation */
static bool is_traced;

__attribute__((format(printf, 1, 2))) static void trace(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (is_traced) {
        vprintf(format, arguments);
    }
    va_end(arguments);
}

/* ---- decoding ------------------------------------------------------------------------------ */

static unsigned int take_byte(void)
{
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

static unsigned int pick(unsigned int sides)
{
    return take_byte() % sides;
}

static mfn_t pick_special(unsigned int number)
{
    const uint64_t specials[] = {0,
                                 2,
                                 FAKE_HYPERVISOR,
                                 FAKE_SHARED_READ,
                                 FRAMES,
                                 IO_DENIED_MFN,
                                 IO_READ_MFN,
                                 2000,
                                 machine.mfn_limit - 1,
                                 machine.mfn_limit,
                                 PTE_MFN_ALL_ONES,
                                 UINT64_MAX,
                                 shared_frame.value,
                                 UINT64_C(1) << 40,
                                 FRAMES - 1,
                                 FAKE_RAM_FIRST};
    return mfn_make(specials[number % ARRAY_SIZE(specials)]);
}

/* What a frame is looked for as: a page, a table of level 1 to 4, or one of these. */
enum { DESCRIPTORS = 5, PINNED = 6 };

/* Does the frame's present use, or else its number, suggest this? */
static bool suits(const struct domain *domain, uint64_t mfn, unsigned int wanted)
{
    const struct frame *frame = &machine.frames[mfn];
    if (frame->owner != domain->id || frame_class(frame) != FRAME_GUEST) {
        return false;
    }
    if (wanted == PINNED) {
        return frame_is_pinned(frame);
    }
    if (frame->type_count > 0) {
        return wanted == 0 ? frame->type == FRAME_WRITABLE
                           : frame->type == (wanted == DESCRIPTORS ? FRAME_DESCRIPTORS : wanted);
    }
    return mfn % 5 == wanted % 5;
}

static mfn_t pick_frame(const struct domain *domain, unsigned int wanted)
{
    unsigned int choice = take_byte();
    if (choice >= 240) {
        return pick_special(choice - 240);
    }
    if (choice >= 200) {
        return mfn_make(FAKE_RAM_FIRST + pick(FRAMES - FAKE_RAM_FIRST));
    }
    uint64_t found[FRAMES];
    unsigned int count = 0;
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        if (suits(domain, mfn, wanted)) {
            found[count++] = mfn;
        }
    }
    return mfn_make(count > 0 ? found[choice % count] : 0);
}

static unsigned int pick_index(void)
{
    static const unsigned int rare[] = {2, 32, 33, 34, 35, 255, 256, 257, 271, 272, 511, 1};
    unsigned int choice = take_byte();
    return choice < 160 ? choice % 2 : rare[choice % ARRAY_SIZE(rare)];
}

/* The usual flags from one byte, and sometimes a bit of any kind. */
static pte_t pick_entry(const struct domain *domain, unsigned int level)
{
    static const uint64_t flags[] = {PTE_WRITABLE, PTE_USER, PTE_ACCESSED, PTE_GUEST_KERNEL};
    unsigned int choice = take_byte();
    if (choice >= 224) {
        return (pte_t){.raw = choice < 240 ? 0 : (uint64_t)take_byte() << 1};
    }
    bool same_level = machine.linear_pt && choice % 8 == 4; /* without RW */
    mfn_t mfn = pick_frame(domain, level > 0 ? level - (same_level ? 0 : 1) : pick(5));
    pte_t entry = pte_make(mfn_make(mfn.value & PTE_MFN_ALL_ONES), PTE_PRESENT);
    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        entry.raw |= ((choice >> i) & 1) != 0 ? flags[i] : 0;
    }
    if (choice >= 192) {
        entry.raw ^= UINT64_C(1) << pick(64);
    }
    return entry;
}

static uint64_t pick_address(void)
{
    static const uint64_t tops[] = {0, 1, 511, 256, 128};
    static const uint64_t pages[] = {0, 1, 2, 16, 17, 18, 19, 32, 33, 34, 35, 255};
    unsigned int choice = take_byte();
    uint64_t top = choice < 240 ? 0 : tops[choice % ARRAY_SIZE(tops)];
    uint64_t address = (top << 39) | (pages[pick(ARRAY_SIZE(pages))] << PAGE_SHIFT);
    if (choice >= 192) {
        address |= ((uint64_t)(choice & 1) << 30) | ((uint64_t)((choice >> 1) & 1) << 21);
    }
    return top >= 256 ? address | UINT64_C(0xffff000000000000) : address;
}

static struct vcpu *pick_vcpu(void)
{
    unsigned int choice = take_byte();
    const struct domain *domain = domains[choice & 1];
    return (domain->is_dying ? domains[0] : domain)->vcpus[(choice >> 1) & 1];
}

static uint16_t pick_foreign(void)
{
    static const uint16_t others[] = {0, 1, DOMID_IO, DOMID_XEN, 77};
    unsigned int choice = take_byte();
    return choice < 224 ? DOMID_SELF : others[choice % ARRAY_SIZE(others)];
}

static const struct domain *domain_of(const struct vcpu *vcpu, uint16_t foreign)
{
    return foreign < 2 ? domains[foreign] : vcpu->domain;
}

/* ---- operations ---------------------------------------------------------------------------- */

struct operation {
    const char *name;
    fake_call_fn call;
    struct vcpu *vcpu;
    uint64_t arg[6];
    /* What the model needs to do the same. */
    int64_t (*ask_model)(const struct operation *operation, struct reference_caller caller);
    unsigned int depth;
    unsigned int count;
    uint32_t word; /* foreign domains */
    uint64_t command;
    unsigned int order;
    struct mmu_update updates[ELEMENTS];
    struct mmuext_op ops[ELEMENTS];
    uint64_t list[ELEMENTS];
    uint64_t pfns[ELEMENTS];
    union grant_element {
        struct gnttab_map_grant_ref map;
        struct gnttab_unmap_grant_ref unmap;
        struct gnttab_transfer transfer;
        struct gnttab_copy copy;
    } grants[ELEMENTS];
};

static uint64_t arguments_at(unsigned int depth)
{
    return FAKE_ARGUMENTS + depth * BUFFER_PAGES * PAGE_SIZE;
}

static uint8_t *argument_bytes(unsigned int depth, size_t page)
{
    return fake.buffers[0].bytes + (depth * BUFFER_PAGES + page) * PAGE_SIZE;
}

/* The reported number of elements; only the outer operation reports one. */
static void check_done(const struct operation *operation, uint32_t expected)
{
    if (operation->depth == 0) {
        assert_int_equal(fake_done(), expected == UINT32_MAX ? 0xeeeeeeee : expected);
    }
}

static int64_t ask_update(const struct operation *operation, struct reference_caller caller)
{
    uint32_t done;
    int answer = reference_mmu_update(&model, caller, operation->updates, operation->count,
                                      operation->word, &done);
    check_done(operation, done);
    return answer;
}

static void make_update(struct operation *operation)
{
    operation->name = "mmu_update";
    uint16_t foreign = pick_foreign();
    const struct domain *owner = operation->vcpu->domain;
    operation->word = foreign;
    operation->count = pick(8) == 0 ? pick(ELEMENTS + 1) : 1;
    unsigned int choice = take_byte();
    if (choice >= 240) {
        operation->word |= (choice - 239U) << 16;
        owner = domains[(choice - 240U) & 1];
    }
    for (unsigned int i = 0; i < operation->count; i++) {
        unsigned int level = pick(5);
        mfn_t table = pick_frame(owner, level);
        unsigned int command = take_byte();
        operation->updates[i] = (struct mmu_update){
            .ptr = (table.value << PAGE_SHIFT) + pick_index() * sizeof(pte_t) +
                   (command < 208 ? 0 : command % 5),
            .val = pick_entry(domain_of(operation->vcpu, foreign), level).raw,
        };
    }
    memcpy(argument_bytes(operation->depth, 0), operation->updates, sizeof(operation->updates));
    operation->call = call_mmu_update;
    operation->arg[1] = operation->count;
    operation->arg[2] = operation->depth == 0 ? FAKE_RESULT : 0;
    operation->arg[3] = operation->word;
    operation->ask_model = ask_update;
}

static int64_t ask_extended(const struct operation *operation, struct reference_caller caller)
{
    uint32_t done;
    int answer = reference_mmuext(&model, caller, operation->ops, operation->count,
                                  (uint16_t)operation->word, &done);
    check_done(operation, done);
    return answer;
}

/* Pins, unpins and changes of bases are three quarters of all. */
static unsigned int pick_command(void)
{
    unsigned int choice = take_byte();
    if (choice < 64) {
        return MMUEXT_PIN_L1_TABLE + choice % 4;
    }
    if (choice < 128) {
        return MMUEXT_UNPIN_TABLE;
    }
    static const unsigned int usual[] = {MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR,
                                         MMUEXT_SET_LDT};
    return choice < 192 ? usual[choice % ARRAY_SIZE(usual)] : choice % 22;
}

static void make_extended_one(struct mmuext_op *op, const struct domain *owner)
{
    memset(op, 0, sizeof(*op));
    op->cmd = pick_command();
    switch (op->cmd) {
    case MMUEXT_SET_LDT:
        op->arg1.linear_addr = take_byte() < 128 ? FAKE_VA(16) : pick_address();
        op->arg1.linear_addr += take_byte() == 255 ? 8 : 0;
        op->arg2.nr_ents = pick(3) * 512 + (take_byte() == 255 ? 8192 : 0);
        break;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI: {
        uint64_t bitmap = FAKE_ARGUMENTS; /* readable, and it does not matter what it says */
        op->arg1.linear_addr = pick_address();
        memcpy(&op->arg2.vcpumask, &bitmap, sizeof(bitmap));
        break;
    }
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_ALL:
        op->arg1.linear_addr = pick_address();
        break;
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        op->arg1.mfn = pick_frame(owner, pick(5)).value;
        op->arg2.src_mfn = pick_frame(owner, pick(5)).value;
        break;
    default:
        op->arg1.mfn = pick_frame(owner, op->cmd <= MMUEXT_PIN_L4_TABLE  ? op->cmd + 1
                                         : op->cmd == MMUEXT_UNPIN_TABLE ? PINNED
                                                                         : 4)
                           .value;
        break;
    }
}

static void make_extended(struct operation *operation)
{
    operation->name = "mmuext_op";
    operation->word = pick_foreign();
    operation->count = pick(8) == 0 ? pick(ELEMENTS + 1) : 1;
    const struct domain *owner = domain_of(operation->vcpu, (uint16_t)operation->word);
    for (unsigned int i = 0; i < operation->count; i++) {
        make_extended_one(&operation->ops[i], owner);
    }
    memcpy(argument_bytes(operation->depth, 0), operation->ops, sizeof(operation->ops));
    operation->call = call_mmuext_op;
    operation->arg[1] = operation->count;
    operation->arg[2] = operation->depth == 0 ? FAKE_RESULT : 0;
    operation->arg[3] = operation->word;
    operation->ask_model = ask_extended;
}

static int64_t ask_va_mapping(const struct operation *operation, struct reference_caller caller)
{
    return reference_va_mapping(&model, caller, operation->list[0], operation->list[1]);
}

static int64_t ask_va_mapping_other(const struct operation *operation,
                                    struct reference_caller caller)
{
    return reference_va_mapping_other(&model, caller, operation->list[0], operation->list[1],
                                      (uint16_t)operation->word);
}

static void make_va_mapping(struct operation *operation)
{
    uint16_t foreign = pick_foreign();
    bool other = foreign != DOMID_SELF;
    operation->name = "update_va_mapping";
    operation->word = foreign;
    operation->list[0] = pick_address();
    operation->list[1] = pick_entry(domain_of(operation->vcpu, foreign), 1).raw;
    operation->call = other ? call_update_va_mapping_otherdomain : call_update_va_mapping;
    operation->arg[0] = operation->list[0];
    operation->arg[1] = operation->list[1];
    operation->arg[2] = pick(8) % 7; /* 7 would be a bitmap */
    operation->arg[3] = foreign;
    operation->ask_model = other ? ask_va_mapping_other : ask_va_mapping;
}

static int64_t ask_gdt(const struct operation *operation, struct reference_caller caller)
{
    return reference_set_gdt(&model, caller, operation->list, operation->count);
}

static void make_gdt(struct operation *operation)
{
    operation->name = "set_gdt";
    for (unsigned int i = 0; i < ELEMENTS; i++) {
        operation->list[i] = pick_frame(operation->vcpu->domain, DESCRIPTORS).value;
    }
    operation->count = pick(ELEMENTS) * 512 + pick(2);
    memcpy(argument_bytes(operation->depth, 0), operation->list, sizeof(operation->list));
    operation->call = call_set_gdt;
    operation->arg[1] = operation->count;
    operation->ask_model = ask_gdt;
}

static int64_t ask_descriptor(const struct operation *operation, struct reference_caller caller)
{
    return reference_update_descriptor(&model, caller, operation->list[0], operation->list[1]);
}

static void make_descriptor(struct operation *operation)
{
    operation->name = "update_descriptor";
    mfn_t mfn = pick_frame(operation->vcpu->domain, pick(DESCRIPTORS + 1));
    operation->list[0] =
        (mfn.value << PAGE_SHIFT) + pick_index() * sizeof(uint64_t) + (take_byte() == 255 ? 4 : 0);
    operation->list[1] = (uint64_t)take_byte() << 40 | take_byte();
    operation->call = call_update_descriptor;
    operation->arg[0] = operation->list[0];
    operation->arg[1] = operation->list[1];
    operation->ask_model = ask_descriptor;
}

/* ---- the reservation ----------------------------------------------------------------------- */

static int64_t ask_reservation(const struct operation *operation, struct reference_caller caller)
{
    uint64_t got[ELEMENTS];
    memcpy(got, argument_bytes(operation->depth, 1), sizeof(got));
    uint16_t foreign = (uint16_t)operation->word;
    if (operation->command == XENMEM_decrease_reservation) {
        return reference_decrease(&model, caller, foreign, operation->list, operation->count,
                                  operation->order);
    }
    const uint64_t *pfns = operation->command == XENMEM_populate_physmap ? operation->list : NULL;
    return reference_populate(&model, caller, foreign, pfns, got, operation->count,
                              operation->order);
}

static int64_t ask_exchange(const struct operation *operation, struct reference_caller caller)
{
    uint64_t got[ELEMENTS];
    unsigned int done;
    memcpy(got, argument_bytes(operation->depth, 2), sizeof(got));
    int64_t answer = reference_exchange(&model, caller, (uint16_t)operation->word, operation->list,
                                        operation->pfns, got, operation->count, &done);
    struct xen_memory_exchange exchange;
    memcpy(&exchange, argument_bytes(operation->depth, 0), sizeof(exchange));
    assert_int_equal(exchange.nr_exchanged, done);
    return answer;
}

/* The structure both kinds of call begin with: a list in guest memory. */
static struct xen_memory_reservation make_list(const struct operation *operation, size_t page,
                                               const uint64_t list[])
{
    struct xen_memory_reservation reservation;
    uint64_t address = arguments_at(operation->depth) + page * PAGE_SIZE;
    memset(&reservation, 0, sizeof(reservation));
    memcpy(&reservation.extent_start, &address, sizeof(address));
    memcpy(argument_bytes(operation->depth, page), list, sizeof(operation->list));
    reservation.nr_extents = operation->count;
    reservation.extent_order = operation->order;
    reservation.domid = (domid_t)operation->word;
    return reservation;
}

static void make_reservation(struct operation *operation)
{
    static const uint64_t commands[] = {XENMEM_decrease_reservation, XENMEM_populate_physmap,
                                        XENMEM_increase_reservation, XENMEM_exchange,
                                        XENMEM_decrease_reservation, XENMEM_exchange};
    operation->command = commands[pick(ARRAY_SIZE(commands))];
    operation->count = 1 + pick(ELEMENTS);
    operation->word = pick_foreign();
    bool is_exchange = operation->command == XENMEM_exchange;
    unsigned int order = take_byte();
    operation->order = is_exchange || order < 200 ? 0 : order % 3;
    for (unsigned int i = 0; i < ELEMENTS; i++) {
        operation->list[i] = pick_frame(operation->vcpu->domain, pick(5)).value;
        operation->pfns[i] = take_byte();
    }
    struct xen_memory_exchange exchange;
    memset(&exchange, 0, sizeof(exchange));
    exchange.in = make_list(operation, 1, operation->list);
    exchange.out = make_list(operation, 2, operation->pfns);
    memcpy(argument_bytes(operation->depth, 0), &exchange, sizeof(exchange));
    operation->name = is_exchange ? "exchange" : "a change of the reservation";
    operation->call = call_memory_op;
    operation->arg[0] = operation->command;
    operation->ask_model = is_exchange ? ask_exchange : ask_reservation;
}

/* ---- grants -------------------------------------------------------------------------------- */

static size_t grant_size(uint64_t command)
{
    switch (command) {
    case GNTTABOP_map_grant_ref:
        return sizeof(struct gnttab_map_grant_ref);
    case GNTTABOP_unmap_grant_ref:
        return sizeof(struct gnttab_unmap_grant_ref);
    case GNTTABOP_transfer:
        return sizeof(struct gnttab_transfer);
    default:
        return sizeof(struct gnttab_copy);
    }
}

/* One element; `answer` is what core wrote into it. */
static int16_t ask_grant_one(uint64_t command, const union grant_element *element,
                             struct reference_caller caller, const uint8_t *answer, int16_t *found)
{
    union grant_element answered;
    memcpy(&answered, answer, grant_size(command));
    switch (command) {
    case GNTTABOP_map_grant_ref:
        *found = answered.map.status;
        return (int16_t)reference_grant_map(&model, caller, &element->map, answered.map.handle);
    case GNTTABOP_unmap_grant_ref:
        *found = answered.unmap.status;
        return (int16_t)reference_grant_unmap(&model, caller, &element->unmap);
    case GNTTABOP_transfer:
        *found = answered.transfer.status;
        return (int16_t)reference_grant_transfer(&model, caller, &element->transfer);
    default:
        *found = answered.copy.status;
        return (int16_t)reference_grant_copy(&model, caller, &element->copy);
    }
}

static int64_t ask_grants(const struct operation *operation, struct reference_caller caller)
{
    for (unsigned int i = 0; i < operation->count; i++) {
        const uint8_t *answer =
            argument_bytes(operation->depth, 0) + i * grant_size(operation->command);
        int16_t found;
        int16_t expected =
            ask_grant_one(operation->command, &operation->grants[i], caller, answer, &found);
        assert_int_equal(found, expected);
    }
    return 0;
}

static uint16_t pick_granter(const struct vcpu *vcpu)
{
    unsigned int choice = take_byte();
    return choice >= 248  ? (uint16_t)(choice & 1 ? DOMID_SELF : 77)
           : choice < 160 ? (uint16_t)(1 - vcpu->domain->id)
                          : vcpu->domain->id;
}

static uint32_t pick_ref(void)
{
    unsigned int choice = take_byte();
    return choice < 240 ? FIRST_REF + choice % REFS : choice % 2 * 511 + choice % 3;
}

/* An empty slot of the guest's L1, or any other address. */
static uint64_t pick_map_address(const struct vcpu *vcpu, bool by_entry)
{
    if (by_entry) {
        return (pick_frame(vcpu->domain, 1).value << PAGE_SHIFT) + pick_index() * sizeof(pte_t) +
               (take_byte() == 255 ? 4 : 0);
    }
    return take_byte() < 200 ? FAKE_VA(40 + pick(4)) : pick_address();
}

static struct gnttab_map_grant_ref pick_map(const struct vcpu *vcpu)
{
    unsigned int choice = take_byte();
    uint32_t flags = choice < 200 ? GNTMAP_host_map : choice % 4;
    flags |= (choice & 1) != 0 ? GNTMAP_readonly : 0;
    flags |= (choice & 6) == 6 ? GNTMAP_device_map : 0;
    flags |= (choice & 24) == 24 ? GNTMAP_contains_pte : 0;
    flags |= (choice & 32) != 0 ? GNTMAP_application_map : 0;
    return (struct gnttab_map_grant_ref){
        .host_addr = pick_map_address(vcpu, (flags & GNTMAP_contains_pte) != 0),
        .flags = flags,
        .ref = pick_ref(),
        .dom = pick_granter(vcpu)};
}

/* A handle that is in use, with the addresses it may have been mapped at. */
static struct gnttab_unmap_grant_ref pick_unmap(const struct vcpu *vcpu)
{
    struct gnttab_unmap_grant_ref op = {.handle = pick(REFERENCE_HANDLES)};
    for (uint32_t i = 0; i < REFERENCE_HANDLES; i++) {
        uint32_t number = (op.handle + i) % REFERENCE_HANDLES;
        const struct grant_handle *handle = grant_handle_find(vcpu->domain->grants, number);
        if (handle != NULL) {
            mfn_t mfn = grant_active(domain_find(handle->granter)->grants, handle->ref)->mfn;
            op.handle = number;
            op.host_addr = take_byte() < 64 ? 0 : pick_map_address(vcpu, handle->is_pte_address);
            op.dev_bus_addr = take_byte() < 128 ? mfn.value << PAGE_SHIFT : pick(2);
            break;
        }
    }
    return op;
}

static struct gnttab_copy_ptr pick_side(const struct vcpu *vcpu, bool is_grant)
{
    struct gnttab_copy_ptr side = {.offset = (uint16_t)(take_byte() * 17)};
    if (is_grant) {
        side.u.ref = pick_ref();
        side.domid = pick_granter(vcpu);
    } else {
        side.u.gmfn = pick_frame(vcpu->domain, pick(5)).value;
        side.domid = take_byte() < 240 ? DOMID_SELF : vcpu->domain->id;
    }
    return side;
}

static void make_grant_one(const struct vcpu *vcpu, uint64_t command, union grant_element *element)
{
    switch (command) {
    case GNTTABOP_map_grant_ref:
        element->map = pick_map(vcpu);
        break;
    case GNTTABOP_unmap_grant_ref:
        element->unmap = pick_unmap(vcpu);
        break;
    case GNTTABOP_transfer:
        element->transfer.mfn = pick_frame(vcpu->domain, pick(5)).value;
        element->transfer.domid = pick_granter(vcpu);
        element->transfer.ref = pick_ref();
        break;
    default:
        element->copy.flags = (uint16_t)pick(4);
        element->copy.source = pick_side(vcpu, (element->copy.flags & GNTCOPY_source_gref) != 0);
        element->copy.dest = pick_side(vcpu, (element->copy.flags & GNTCOPY_dest_gref) != 0);
        element->copy.len = (uint16_t)(take_byte() * 8);
        break;
    }
}

/* The model knows so many handles, and each operation under way may take some. */
static bool has_free_handles(const struct domain *domain)
{
    unsigned int used = 0;
    for (uint32_t i = 0; i < grant_handle_count(domain->grants); i++) {
        used += grant_handle_find(domain->grants, i) != NULL ? 1 : 0;
    }
    return used + 2 * ELEMENTS <= REFERENCE_HANDLES;
}

static void make_grants(struct operation *operation)
{
    static const uint64_t commands[] = {GNTTABOP_map_grant_ref,   GNTTABOP_map_grant_ref,
                                        GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_grant_ref,
                                        GNTTABOP_transfer,        GNTTABOP_copy};
    operation->name = "grant_table_op";
    operation->command = commands[pick(ARRAY_SIZE(commands))];
    if (!has_free_handles(operation->vcpu->domain)) {
        operation->command = GNTTABOP_unmap_grant_ref;
    }
    operation->count = pick(4) == 0 ? pick(ELEMENTS + 1) : 1;
    size_t size = grant_size(operation->command);
    for (unsigned int i = 0; i < operation->count; i++) {
        make_grant_one(operation->vcpu, operation->command, &operation->grants[i]);
        memcpy(argument_bytes(operation->depth, 0) + i * size, &operation->grants[i], size);
    }
    operation->call = call_grant_table_op;
    operation->arg[0] = operation->command;
    operation->arg[2] = operation->count;
    operation->ask_model = ask_grants;
}

/* A guest writes an entry of its own table: for somebody, or to take a frame, or nonsense. */
static void write_grant_entry(void)
{
    const struct vcpu *vcpu = pick_vcpu();
    const struct fake_guest granter = {.domain = vcpu->domain};
    static const uint16_t usual[] = {GTF_permit_access, GTF_permit_access | GTF_readonly,
                                     GTF_accept_transfer};
    unsigned int choice = take_byte();
    uint16_t flags = choice < 220 ? usual[choice % ARRAY_SIZE(usual)] : (uint16_t)take_byte();
    uint32_t ref = FIRST_REF + pick(REFS);
    grant_entry_v1_t *entry = fake_grant_entry(&granter, ref);
    *entry = (grant_entry_v1_t){.flags = flags,
                                .domid = pick_granter(vcpu),
                                .frame = (uint32_t)pick_frame(vcpu->domain, pick(5)).value};
    trace("d%u writes grant %u: flags %#x, for d%u, frame %#x\n", vcpu->domain->id, ref,
          entry->flags, entry->domid, entry->frame);
    mirror_adopt_contents(&model);
}

/* ---- the trace ----------------------------------------------------------------------------- */

/* One line, and one for each element of a batch; what came between its executions stands before it,
 * and moved to the right. */
static void trace_operation(const struct operation *operation, bool answered, int64_t answer)
{
    const struct vcpu *vcpu = operation->vcpu;
    trace("%*sd%uv%u %s %#llx %#llx %#llx %#llx: ", (int)(4 * operation->depth), "",
          vcpu->domain->id, vcpu->id, operation->name, (unsigned long long)operation->arg[0],
          (unsigned long long)operation->arg[1], (unsigned long long)operation->arg[2],
          (unsigned long long)operation->arg[3]);
    trace(answered ? "%lld\n" : "given up\n", (long long)answer);
    bool is_update = operation->call == call_mmu_update;
    bool is_extended = operation->call == call_mmuext_op;
    for (unsigned int i = 0; (is_update || is_extended) && i < operation->count; i++) {
        const struct mmu_update *update = &operation->updates[i];
        const struct mmuext_op *op = &operation->ops[i];
        trace("%*s%#llx %#llx\n", (int)(4 * operation->depth + 2), "",
              is_update ? (unsigned long long)update->ptr : op->cmd,
              (unsigned long long)(is_update ? update->val : op->arg1.mfn));
    }
}

/* ---- execution ----------------------------------------------------------------------------- */

static void run_operation(unsigned int depth);
static void destroy(void);

/* Can somebody else's unfinished work keep this vCPU waiting? */
static bool may_be_blocked(const struct vcpu *vcpu)
{
    for (unsigned int i = 0; i < 4; i++) {
        const struct vcpu *other = domains[i / 2]->vcpus[i % 2];
        if (other != vcpu && other->walk.mode != PT_WALK_NONE) {
            return true;
        }
    }
    return false;
}

static void pick_yield(void)
{
    unsigned int choice = take_byte();
    if (choice < 128) {
        fake_yield_never();
    } else if (choice < 240) {
        fake_yield_at(1 + choice % 12);
    } else {
        fake_yield_always();
    }
}

static void disturb(const struct operation *operation, unsigned int choice)
{
    if (choice >= 240 && operation->vcpu->domain == domains[0]) {
        destroy();
    } else {
        run_operation(1);
    }
}

/* Execute until there is an answer. False: given up. */
static bool execute(struct operation *operation, int64_t *answer)
{
    for (unsigned int executions = 1;; executions++) {
        pick_yield();
        fake.cpu = (unsigned int)__builtin_ctzll(operation->vcpu->cpus);
        struct call_result result =
            fake_call_once(operation->call, operation->vcpu, operation->arg);
        *answer = result.value;
        if (!result.again) {
            assert_int_not_equal(operation->vcpu->walk.mode, PT_WALK_RELEASE);
            return true;
        }
        bool blocked = may_be_blocked(operation->vcpu);
        unsigned int choice = take_byte();
        if (choice >= 248 || (blocked && executions > PATIENCE)) {
            was_disturbed = true;
            return false;
        }
        assert_true(blocked || executions < EXECUTION_LIMIT);
        if (operation->depth == 0 && choice >= 160) {
            was_disturbed = true;
            disturb(operation, choice);
        }
    }
}

/* Both do it, or after a disturbance only core; then the model starts anew as soon as it can. */
static void finish(const struct operation *operation, bool answered, int64_t answer)
{
    if (is_synchronised && !was_disturbed && answered) {
        struct reference_caller caller = mirror_caller(&model, operation->vcpu);
        assert_int_equal(answer, operation->ask_model(operation, caller));
        mirror_compare(&model, operation->name);
        is_synchronised = mirror_is_settled();
    } else if (mirror_is_settled()) {
        mirror_adopt(&model);
        is_synchronised = true;
    } else {
        is_synchronised = false;
    }
}

/* What is refused is explained. (Grant operations and reservations answer 0 or a count; a command
 * that is missing, the hypervisor explains.) */
static void check_explained(int64_t answer, unsigned int refusals)
{
    if (answer < 0 && answer != -XEN_ENOSYS) {
        assert_true(fake.refusal.count > refusals);
    }
}

static void run_operation(unsigned int depth)
{
    typedef void (*make_fn)(struct operation * operation);
    static const make_fn makers[] = {make_update,   make_update,     make_update,
                                     make_extended, make_extended,   make_va_mapping,
                                     make_gdt,      make_descriptor, make_reservation,
                                     make_grants,   make_grants,     make_grants};
    struct operation operation = {
        .vcpu = pick_vcpu(), .depth = depth, .arg = {arguments_at(depth), arguments_at(depth)}};
    makers[pick(ARRAY_SIZE(makers))](&operation);
    int64_t answer;
    if (depth == 0) {
        was_disturbed = false;
        memset(fake.buffers[1].bytes, 0xee, fake.buffers[1].size);
    }
    unsigned int refusals = fake.refusal.count;
    bool answered = execute(&operation, &answer);
    trace_operation(&operation, answered, answer);
    if (depth > 0) {
        return;
    }
    if (answered) {
        check_explained(answer, refusals);
    }
    finish(&operation, answered, answer);
}

/* ---- what a guest does without asking ------------------------------------------------------ */

static uint64_t pick_mapped_address(mfn_t root)
{
    uint64_t address = 0;
    for (unsigned int level = 4; level >= 1; level--) {
        unsigned int index = pick_index();
        pte_t entry = fake_entries(root)[index];
        if (!pte_is_present(entry) || pte_slot_is_hypervisor(level, index)) {
            return pick_address();
        }
        address |= (uint64_t)index << (PAGE_SHIFT + 9 * (level - 1));
        root = pte_mfn(entry);
    }
    return (address >> 47) != 0 ? address | UINT64_C(0xffff000000000000) : address;
}

static void guest_access(void)
{
    struct vcpu *vcpu = pick_vcpu();
    mfn_t root = (take_byte() & 3) != 0 ? vcpu->kernel_base : vcpu->user_base;
    if (mfn_equal(root, MFN_INVALID)) {
        return;
    }
    enum fake_access access = pick(2) == 0 ? FAKE_WRITE : FAKE_READ;
    uint64_t address = pick_mapped_address(root);
    unsigned int cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
    uint8_t *bytes = fake_access(cpu, vcpu->domain, root, address, access);
    trace("d%uv%u %s %#llx: %s\n", vcpu->domain->id, vcpu->id,
          access == FAKE_WRITE ? "writes" : "reads", (unsigned long long)address,
          bytes != NULL ? "done" : "faults");
    if (bytes != NULL && access == FAKE_WRITE) {
        uint64_t entry = pick_entry(vcpu->domain, 1 + pick(4)).raw;
        memcpy(bytes + pick_index() * sizeof(entry), &entry, sizeof(entry));
    }
    mirror_adopt_contents(&model);
}

/* mov %rax,(%rdi), with the address in the tables that the guest sees read-only. */
static void emulated_store(void)
{
    static const uint8_t code[15] = {0x48, 0x89, 0x07};
    struct vcpu *vcpu = pick_vcpu();
    struct cpu_user_regs regs;
    memset(&regs, 0, sizeof(regs));
    memcpy(argument_bytes(2, 0), code, sizeof(code));
    regs.rip = arguments_at(2);
    regs.rdi = take_byte() < 192 ? FAKE_VA(FAKE_TABLES_AT + 3) : pick_address();
    regs.rdi += pick_index() * sizeof(pte_t);
    regs.rax = pick_entry(vcpu->domain, 1).raw;
    fake.vcpu = vcpu;
    fake.cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
    bool done = pt_emulate_store(vcpu, &regs, regs.rdi);
    trace("d%uv%u stores %#llx to %#llx: %s\n", vcpu->domain->id, vcpu->id,
          (unsigned long long)regs.rax, (unsigned long long)regs.rdi, done ? "done" : "faults");
    fake.vcpu = NULL;
    assert_audit_clean();
    fake_tlb_check();
    if (is_synchronised) {
        struct reference_caller caller = mirror_caller(&model, vcpu);
        assert_int_equal(done, reference_store(&model, caller, regs.rdi, regs.rax));
        mirror_compare(&model, "an emulated store");
    }
}

static void ldt_fault(void)
{
    struct vcpu *vcpu = pick_vcpu();
    uint64_t offset = (uint64_t)pick(3) * PAGE_SIZE + 8;
    fake.cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
    bool shown = vcpu_ldt_fault(vcpu, offset);
    trace("d%uv%u uses LDT offset %#llx: %s\n", vcpu->domain->id, vcpu->id,
          (unsigned long long)offset, shown ? "done" : "faults");
    assert_audit_clean();
    fake_tlb_check();
    if (is_synchronised) {
        struct reference_caller caller = mirror_caller(&model, vcpu);
        assert_int_equal(shown, reference_ldt_fault(&model, caller, offset));
        mirror_compare(&model, "an LDT fault");
    }
}

static void assist(void)
{
    struct vcpu *vcpu = pick_vcpu();
    uint64_t type = pick(2) == 0 ? VMASST_TYPE_m2p_strict : VMASST_TYPE_writable_pagetables;
    uint64_t arg[6] = {pick(2), type};
    assert_int_equal(fake_call_once(call_vm_assist, vcpu, arg).value, 0);
    for (unsigned int i = 0; i < 2; i++) {
        reference_find_domain(&model, domains[i]->id)->assists = domains[i]->assists;
    }
}

/* ---- the machine --------------------------------------------------------------------------- */

/* Contents that make most unused frames tables of the level their number suggests. */
static void fill_frames(const struct domain *domain)
{
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        unsigned int level = (unsigned int)(mfn % 5);
        if (level == 0 || frame->ref_count != 1 || !suits(domain, mfn, level)) {
            continue; /* what the guest was built of has more references */
        }
        uint64_t target = mfn;
        for (unsigned int i = 0; i < 2; i++) {
            do {
                target = target + 1 < FRAMES ? target + 1 : FAKE_RAM_FIRST;
            } while (!suits(domain, target, level - 1));
            fake_entries(mfn_make(mfn))[i] =
                pte_make(mfn_make(target), level > 1 || i == 0 ? FAKE_RW : FAKE_RO);
        }
    }
}

static void build_domain(unsigned int number)
{
    struct fake_guest guest;
    struct domain *domain = fake_domain((uint16_t)number, 2);
    domains[number] = domain;
    fake.is_being_built = true;
    fake_guest_build(&guest, domain);
    assert_int_equal(grant_table_create(domain, 1, 1), STATUS_OK);
    assert_int_equal(grant_handle_reserve(domain->grants), STATUS_OK);
    domain->page_limit = DOMAIN_FRAMES + 4;
    domain->assists = UINT64_C(1) << VMASST_TYPE_writable_pagetables;
    for (unsigned int i = 0; i < 2; i++) {
        domain->vcpus[i]->cpus = UINT64_C(1) << (2 * number + i);
    }
    assert_int_equal(do_base(domain->vcpus[1], guest.l4), 0);
    for (unsigned int i = 0; domain->page_count < DOMAIN_FRAMES; i++) {
        mfn_t mfn = fake_give(domain);
        if (mfn.value % 5 == 0) { /* pages that can become descriptors */
            pte_t entry = pte_make(mfn, FAKE_RO);
            assert_int_equal(do_update(domain->vcpus[0], guest.l1, 16 + i % 4, entry), 0);
        }
    }
    fill_frames(domain);
    struct mmuext_op op = {.cmd = MMUEXT_SET_LDT};
    op.arg1.linear_addr = FAKE_VA(16);
    op.arg2.nr_ents = 1024;
    assert_int_equal(do_mmuext(domain->vcpus[0], &op, 1, DOMID_SELF), 0);
    assert_int_equal(do_mmuext(domain->vcpus[1], &op, 1, DOMID_SELF), 0);
    fake.is_being_built = false;
    assert_audit_clean();
    fake_tlb_check();
}

static void build_mortal(void)
{
    build_domain(1);
    mortal_info = frame_alloc(0, 64);
    frame_make_shared(fake_frame(mortal_info), domains[1]);
}

/* ---- the second domain's end --------------------------------------------------------------- */

/* In the middle of whatever it was doing. What the first domain has of it, it keeps. */
static void destroy(void)
{
    struct vcpu *caller = domains[0]->vcpus[pick(2)];
    if (domains[1]->is_dying || lives == 0) {
        return;
    }
    lives--;
    is_synchronised = false;
    trace("d1 is destroyed\n");
    domain_begin_teardown(domains[1]);
    unsigned int rounds = 0;
    do {
        pick_yield();
        assert_true(++rounds < TEARDOWN_LIMIT);
        fake.cpu = (unsigned int)__builtin_ctzll(caller->cpus);
        assert_audit_clean();
        fake_tlb_check();
    } while (!domain_tear_down(domains[1], caller));
    fake_yield_never();
    domain_end_teardown(domains[1], mortal_info);
    assert_audit_clean();
    fake_tlb_check();
}

static void empty_entry(mfn_t table, unsigned int index)
{
    const struct frame *frame = frame_find(pte_mfn(fake_entries(table)[index]));
    if (pte_is_present(fake_entries(table)[index]) && frame != NULL &&
        frame->owner == domains[1]->id) {
        assert_int_equal(do_update(domains[0]->vcpus[0], table, index, (pte_t){0}), 0);
    }
}

static void end_handles(uint64_t host_address)
{
    for (uint32_t i = 0; i < grant_handle_count(domains[0]->grants); i++) {
        const struct grant_handle *handle = grant_handle_find(domains[0]->grants, i);
        if (handle != NULL && handle->granter == domains[1]->id) {
            mfn_t mfn = grant_active(domains[1]->grants, handle->ref)->mfn;
            (void)do_grant_unmap(domains[0]->vcpus[0], i, host_address, mfn.value << PAGE_SHIFT);
        }
    }
}

/* The first domain lets go of all it has of the second. By the ABI a handle stays whose mapping is
 * not where it was made, and the dead domain with it. */
static void let_go_of_the_dead(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        end_handles(FAKE_VA(40 + i));
    }
    for (uint64_t mfn = FAKE_RAM_FIRST; mfn < FRAMES; mfn++) {
        const struct frame *frame = &machine.frames[mfn];
        for (unsigned int i = 0; frame->owner == 0 && frame_is_table(frame, 1) && i < 512; i++) {
            empty_entry(mfn_make(mfn), i);
        }
    }
}

/* It comes back, and all its frames came back before. */
static void revive(void)
{
    if (!domains[1]->is_dying) {
        return;
    }
    fake_yield_never();
    let_go_of_the_dead();
    if (domains[1]->grants->use_count > 0) {
        return;
    }
    assert_true(domain_is_empty(domains[1]) && fake.empty_domains[1]);
    grant_table_free(domains[1]);
    for (uint64_t mfn = 0; mfn < FRAMES; mfn++) {
        assert_int_not_equal(machine.frames[mfn].owner, 1);
    }
    machine.domains[1] = NULL;
    fake.empty_domains[1] = false;
    build_mortal();
    trace("d1 is made anew\n");
}

/* Whatever a vCPU has not finished, it finishes: so that the model can follow again. */
static void settle(void)
{
    fake_yield_never();
    for (unsigned int i = 0; i < 8; i++) {
        struct vcpu *vcpu = domains[(i / 2) % 2]->vcpus[i % 2];
        const struct pt_walk *walk = &vcpu->walk;
        if (vcpu->domain->is_dying || walk->mode == PT_WALK_NONE) {
            continue;
        }
        struct mmuext_op op;
        memset(&op, 0, sizeof(op));
        uint16_t owner = walk->domain == vcpu->domain ? DOMID_SELF : walk->domain->id;
        op.cmd = (uint32_t)fake_frame(walk->stack[0])->type - FRAME_L1 + MMUEXT_PIN_L1_TABLE;
        op.arg1.mfn = walk->stack[0].value;
        memcpy(argument_bytes(0, 0), &op, sizeof(op));
        uint64_t arg[6] = {arguments_at(0), 1, 0, owner};
        fake.cpu = (unsigned int)__builtin_ctzll(vcpu->cpus);
        (void)fake_call_once(call_mmuext_op, vcpu, arg);
    }
    revive();
    if (!is_synchronised && !domains[1]->is_dying) {
        assert_true(mirror_is_settled());
        mirror_adopt(&model);
        is_synchronised = true;
    }
}

static void build_machine(void)
{
    lives = FAKE_DOMAIN_LIMIT - 2;
    fake_start(FRAMES);
    machine_add_io_range(mfn_make(2), mfn_make(2), IO_DENIED);
    machine_add_io_range(mfn_make(IO_DENIED_MFN), mfn_make(IO_DENIED_MFN + 3), IO_DENIED);
    machine_add_io_range(mfn_make(IO_READ_MFN), mfn_make(IO_READ_MFN + 3), IO_READ_ONLY);
    build_domain(0);
    build_mortal();
    domains[0]->is_control = true;
    domains[0]->has_io = true;
    shared_frame = pick(2) == 0 ? mortal_info : frame_alloc(0, 64);
    if (!mfn_equal(shared_frame, mortal_info)) {
        frame_make_shared(fake_frame(shared_frame), domains[0]);
    }
    mirror_adopt(&model);
    is_synchronised = true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    is_traced = getenv("FUZZ_TRACE") != NULL;
    return setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion is a crash */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_left = size;
    build_machine();
    machine.linear_pt = model.linear_tables = size % 2 != 0;
    for (unsigned int i = 0; i < OPERATION_LIMIT && input_left > 0; i++) {
        unsigned int choice = take_byte();
        if (choice < 160) {
            run_operation(0);
        } else if (choice < 200) {
            guest_access();
        } else if (choice < 212) {
            emulated_store();
        } else if (choice < 222) {
            ldt_fault();
        } else if (choice < 236) {
            write_grant_entry();
        } else if (choice < 240) {
            assist();
        } else if (choice < 244) {
            destroy();
        } else {
            settle();
        }
    }
    settle();
    if (is_synchronised) {
        mirror_compare(&model, "the end");
    }
    fake_stop();
    return 0;
}
