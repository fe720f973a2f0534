/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/pt_validate.h"

#include "core/port.h"

void pt_drop_leaf_later(struct mmu_context *context, enum pte_hold hold, struct frame *frame)
{
    struct vcpu *vcpu = context->vcpu;
    CHECK(vcpu->foreign_drop_count < FOREIGN_DROP_LIMIT);
    vcpu->foreign_drops[vcpu->foreign_drop_count++] =
        (struct foreign_drop){frame_mfn(frame), hold == PTE_HOLD_WRITABLE};
    context->flush_all = true;
}

/* A table's contents are judged as its owner's own: no foreign frames. */
static struct pte_owners owners_of(const struct mmu_context *context)
{
    return (struct pte_owners){context->pt_owner, context->pt_owner, context->pt_owner};
}

/* ---- L1 tables: one unit of work ----------------------------------------------------------- */

/* Drop what the entries [0, count) hold. Room for 512 foreign drops is the caller's duty. */
static void l1_release_entries(struct mmu_context *context, const struct frame *frame,
                               unsigned int count)
{
    const pte_t *table = port_map_frame(frame_mfn(frame));
    for (unsigned int i = 0; i < count; i++) {
        struct frame *target;
        enum pte_hold hold = pte_hold(1, NULL, pte_read(&table[i]), &target);
        if (hold != PTE_HOLD_NOTHING) {
            pt_drop_leaf(context, hold, target);
        }
    }
}

/* The entry that is at the bottom of it, not those above that cannot have their table for it. */
static void explain(struct mmu_context *context, enum status status, const struct frame *table,
                    unsigned int index)
{
    pte_t pte = pte_read((const pte_t *)port_map_frame(frame_mfn(table)) + index);
    context_explain(
        context, status,
        &(struct refusal){.what = "entry of a new table",
                          .level = frame_level(table),
                          .address = (frame_mfn(table).value << PAGE_SHIFT) + index * sizeof(pte_t),
                          .number = pte.raw,
                          .frame = frame_find(pte_mfn(pte))});
}

/* The frame is claimed as L1. On refusal its use has ended again. */
static enum status l1_validate(struct mmu_context *context, struct frame *frame)
{
    struct pte_owners owners = owners_of(context);
    pte_t *table = port_map_frame(frame_mfn(frame));
    for (unsigned int i = 0; i < PTE_COUNT; i++) {
        pte_t pte = pte_read(&table[i]);
        if (!pte_is_present(pte)) {
            continue; /* anything goes, and holds nothing */
        }
        struct pte_decision decision = pte_decide(&owners, 1, NULL, (pte_t){0}, pte);
        enum status status = decision.status;
        if (status == STATUS_OK && decision.take != PTE_HOLD_NOTHING) {
            status = pt_take_leaf(decision.take, decision.new_frame);
        }
        if (UNLIKELY(status != STATUS_OK)) {
            explain(context, status, frame, i);
            l1_release_entries(context, frame, i);
            frame_release(frame);
            return status;
        }
        if (decision.store.raw != pte.raw) {
            pte_write(&table[i], decision.store);
        }
    }
    frame_publish(frame);
    return STATUS_OK;
}

static void l1_release(struct mmu_context *context, struct frame *frame)
{
    l1_release_entries(context, frame, PTE_COUNT);
    frame_release(frame);
}

/* ---- the walk ------------------------------------------------------------------------------ */

static struct frame *walk_top(const struct pt_walk *walk)
{
    return frame_find(walk->stack[walk->depth - 1]);
}

static void walk_push(struct pt_walk *walk, struct frame *frame, unsigned int progress)
{
    CHECK(walk->depth < ARRAY_SIZE(walk->stack));
    frame_set_half(frame, progress);
    walk->stack[walk->depth++] = frame_mfn(frame);
}

/* From here on the walk takes back what it has counted. */
static void walk_cancel(struct pt_walk *walk)
{
    walk->mode = PT_WALK_RELEASE;
    walk->claimed = walk->depth;
}

/* A fresh L4 shows the hypervisor's slots, whatever the guest left there. The M2P's slot is filled
 * now only if the guest wants it strictly hidden from user bases; else when it becomes a kernel
 * base (memory ABI: VMASST_TYPE_m2p_strict). */
static void l4_fill_hypervisor_slots(const struct mmu_context *context, pte_t *table)
{
    for (unsigned int i = L4_HYPERVISOR_FIRST; i <= L4_HYPERVISOR_LAST; i++) {
        table[i] = machine.hypervisor_slots[i - L4_HYPERVISOR_FIRST];
    }
    if (!domain_has_assist(context->pt_owner, VMASST_TYPE_m2p_strict)) {
        table[L4_M2P_SLOT] = (pte_t){0};
    }
}

/* The entry at the table's progress has been counted: store what was decided, move on. */
static void count_entry(struct frame *frame, pte_t *table, unsigned int level)
{
    pte_t pte = pte_read(&table[frame->progress]);
    pte_t store = pte_adjust(level, pte);
    if (store.raw != pte.raw) {
        pte_write(&table[frame->progress], store);
    }
    frame->progress++;
}

/* ---- tables of the same level -------------------------------------------------------------- */

void pt_unlink_same_level(struct frame *table, struct frame *frame)
{
    CHECK(table->same_level > 0 && frame->same_level < 0);
    table->same_level--;
    frame->same_level++;
}

/* One more user of a table that is validated already. */
static enum status take_shared(struct frame *frame)
{
    enum status status = frame_get(frame);
    if (status == STATUS_OK) {
        status = frame_share_type(frame);
        if (status != STATUS_OK) {
            frame_put(frame);
        }
    }
    return status;
}

enum status pt_take_same_level(struct frame *table, struct frame *frame)
{
    /* The other count needs no limit: a table has no more than 512 entries. */
    if (table->same_level < 0 || frame->same_level > 0 || frame->same_level == INT16_MIN) {
        return STATUS_SAME_LEVEL_CHAIN;
    }
    enum status status = take_shared(frame);
    if (status == STATUS_OK) {
        table->same_level++;
        frame->same_level--;
    }
    return status;
}

/* ---- validating ---------------------------------------------------------------------------- */

/* Another vCPU has a walk to finish first. */
static enum status wait_for_others(void)
{
    port_wait_for_others();
    return STATUS_AGAIN;
}

/*
 * One entry of the table on top of the stack wants its child. STATUS_OK: it has it, and the entry
 * counts. STATUS_PREEMPTED: the child went onto the stack and comes first.
 */
static enum status validate_child(struct mmu_context *context, struct frame *child,
                                  unsigned int child_level)
{
    struct pt_walk *walk = &context->vcpu->walk;
    if (frame_is_table(child, child_level)) {
        return take_shared(child);
    }
    enum frame_type type = (enum frame_type)(FRAME_L1 + child_level - 1);
    if (child->type_count > 0) {
        /* Wait only for a table of the level that is wanted: such waits lead downwards, so they
         * end. A frame on this walk's own stack is of a higher level. */
        return frame_is_half(child) && child->type == type ? wait_for_others()
                                                           : STATUS_TABLE_WRONG_TYPE;
    }
    enum status status = frame_get(child);
    if (status != STATUS_OK) {
        return status;
    }
    frame_claim(child, type);
    if (child_level > 1) {
        walk_push(walk, child, 0);
        return STATUS_PREEMPTED;
    }
    status = l1_validate(context, child);
    if (status != STATUS_OK) {
        frame_put(child);
    }
    return status;
}

/* A unit of work has been done: is it time to stop? Deferred drops must be emptied before another
 * L1 could fill them. */
static bool walk_should_stop(const struct mmu_context *context)
{
    return context->vcpu->foreign_drop_count >= FOREIGN_DROP_BATCH || port_should_yield();
}

/* The table on top of the stack is done, and gone from there. One without entries has been a unit
 * of work too: a tree may have many of them. */
static enum status walk_go_on(const struct mmu_context *context)
{
    bool is_over = context->vcpu->walk.depth == 0;
    return !is_over && walk_should_stop(context) ? STATUS_PREEMPTED : STATUS_OK;
}

/* The first entry from `index` on that names a child; PTE_COUNT: none. */
static unsigned int next_child(const pte_t *table, unsigned int level, unsigned int index)
{
    while (index < PTE_COUNT &&
           (!pte_is_present(pte_read(&table[index])) || pte_slot_is_hypervisor(level, index))) {
        index++;
    }
    return index;
}

/* How many entries are left when those behind the last child among the first `count` are passed
 * over; 0: there is none. */
static unsigned int last_child(const pte_t *table, unsigned int level, unsigned int count)
{
    while (count > 0 && (!pte_is_present(pte_read(&table[count - 1])) ||
                         pte_slot_is_hypervisor(level, count - 1))) {
        count--;
    }
    return count;
}

/* Go on with the table on top of the stack until it is done, needs a child first, or must stop. A
 * refusal turns the walk round. */
static enum status validate_top(struct mmu_context *context)
{
    struct pt_walk *walk = &context->vcpu->walk;
    struct frame *frame = walk_top(walk);
    unsigned int level = frame_level(frame);
    struct pte_owners owners = owners_of(context);
    pte_t *table = port_map_frame(frame_mfn(frame));
    for (;;) {
        frame->progress = (uint16_t)next_child(table, level, frame->progress);
        if (frame->progress == PTE_COUNT) {
            break;
        }
        pte_t pte = pte_read(&table[frame->progress]);
        struct pte_decision decision = pte_decide(&owners, level, frame, (pte_t){0}, pte);
        enum status status = decision.status;
        if (status == STATUS_OK && decision.take == PTE_HOLD_SAME_LEVEL) {
            status = pt_take_same_level(frame, decision.new_frame);
        } else if (status == STATUS_OK && decision.take == PTE_HOLD_TABLE) {
            unsigned int depth = walk->depth;
            status = validate_child(context, decision.new_frame, level - 1);
            if (walk->depth > depth) {
                return STATUS_OK;
            }
        }
        if (status == STATUS_AGAIN) {
            return status;
        }
        if (status != STATUS_OK) {
            explain(context, status, frame, frame->progress);
            walk_cancel(walk);
            return status;
        }
        count_entry(frame, table, level);
        if (walk_should_stop(context)) {
            return STATUS_PREEMPTED;
        }
    }
    if (level == 4) {
        l4_fill_hypervisor_slots(context, table);
    }
    frame_publish(frame);
    walk->depth--;
    if (walk->depth > 0) {
        struct frame *parent = walk_top(walk);
        count_entry(parent, port_map_frame(frame_mfn(parent)), level + 1);
    }
    return walk_go_on(context);
}

/* ---- releasing ----------------------------------------------------------------------------- */

/* An entry of `table` that named `child` no longer counts. */
static void unlink_child(struct frame *table, struct frame *child)
{
    if (UNLIKELY(child->type == table->type)) {
        pt_unlink_same_level(table, child);
    }
}

/* The last entry that counts in `table`, on top of the stack, gives its child back. True: the child
 * has to be released first and is on the stack. */
static bool release_child(struct mmu_context *context, struct frame *table, struct frame *child)
{
    CHECK(frame_is_validated(child));
    if (child->type_count == 1 && child->type != FRAME_L1) {
        walk_push(&context->vcpu->walk, child, PTE_COUNT);
        return true;
    }
    unlink_child(table, child);
    if (child->type_count > 1) {
        frame_unshare_type(child);
    } else {
        l1_release(context, child);
    }
    frame_put(child);
    return false;
}

/* The table on top of the stack has no entries left that count: its use ends. */
static void release_finished(struct pt_walk *walk)
{
    struct frame *frame = walk_top(walk);
    walk->depth--;
    frame_release(frame);
    if (walk->depth < walk->claimed) {
        walk->claimed = walk->depth; /* the walk's own hold ends here */
    } else {
        struct frame *parent = walk_top(walk);
        unlink_child(parent, frame);
        parent->progress--; /* it was the parent's entry that held it */
    }
    frame_put(frame);
}

static enum status release_top(struct mmu_context *context)
{
    struct pt_walk *walk = &context->vcpu->walk;
    struct frame *frame = walk_top(walk);
    unsigned int level = frame_level(frame);
    const pte_t *table = port_map_frame(frame_mfn(frame));
    for (;;) {
        frame->progress = (uint16_t)last_child(table, level, frame->progress);
        if (frame->progress == 0) {
            break;
        }
        struct frame *child;
        enum pte_hold hold = pte_hold(level, frame, pte_read(&table[frame->progress - 1U]), &child);
        if (hold != PTE_HOLD_NOTHING && release_child(context, frame, child)) {
            return STATUS_OK;
        }
        frame->progress--;
        if (walk_should_stop(context)) {
            return STATUS_PREEMPTED;
        }
    }
    release_finished(walk);
    return walk_go_on(context);
}

/* Until the walk is done, refuses or must stop. Whoever sees it stop empties the deferred drops
 * before it goes on: one that does not gets no further. */
static enum status walk_run(struct mmu_context *context)
{
    struct pt_walk *walk = &context->vcpu->walk;
    CHECK(walk->depth == 0 || walk->domain == context->pt_owner);
    if (UNLIKELY(context->vcpu->foreign_drop_count >= FOREIGN_DROP_BATCH)) {
        return STATUS_PREEMPTED;
    }
    while (walk->depth > 0) {
        enum status status =
            walk->mode == PT_WALK_VALIDATE ? validate_top(context) : release_top(context);
        if (status != STATUS_OK) {
            return status;
        }
    }
    walk->mode = PT_WALK_NONE;
    return STATUS_OK;
}

static void walk_begin(struct mmu_context *context, enum pt_walk_mode mode, struct frame *root,
                       unsigned int progress)
{
    struct pt_walk *walk = &context->vcpu->walk;
    CHECK(walk->mode == PT_WALK_NONE);
    *walk = (struct pt_walk){.mode = mode, .claimed = 1, .domain = context->pt_owner};
    walk_push(walk, root, progress);
}

static bool walk_is_validation_of(const struct pt_walk *walk, const struct frame *frame)
{
    return walk->mode == PT_WALK_VALIDATE && frame_find(walk->stack[0]) == frame;
}

/* ---- for others ---------------------------------------------------------------------------- */

bool pt_begin_call_settling(struct vcpu *vcpu)
{
    struct pt_walk *walk = &vcpu->walk;
    struct mmu_context context;
    context_open(&context, vcpu, walk->domain, walk->domain);
    if (walk->mode == PT_WALK_VALIDATE) {
        walk_cancel(walk);
    }
    bool done = pt_finish_release(&context);
    context_close(&context);
    return done;
}

bool pt_run_release(struct mmu_context *context)
{
    while (context->vcpu->walk.mode == PT_WALK_RELEASE) {
        if (walk_run(context) == STATUS_PREEMPTED && !context_breathe(context)) {
            return false;
        }
    }
    return true;
}

enum status pt_make_room(struct mmu_context *context, const struct frame *wanted)
{
    struct pt_walk *walk = &context->vcpu->walk;
    if (walk->mode == PT_WALK_NONE || (wanted != NULL && walk_is_validation_of(walk, wanted))) {
        return STATUS_OK;
    }
    if (walk->mode == PT_WALK_VALIDATE) {
        walk_cancel(walk);
    }
    /* Even when the release is complete: it may have freed what the caller has looked at. */
    (void)walk_run(context);
    return STATUS_PREEMPTED;
}

enum status pt_settle_half(struct mmu_context *context)
{
    /* A fault can come here without pt_begin_call(): a walk in another domain is left alone. */
    if (context->vcpu->walk.domain != context->pt_owner) {
        return wait_for_others();
    }
    enum status status = pt_make_room(context, NULL);
    return status == STATUS_OK ? wait_for_others() : status;
}

/* Nobody uses the frame as anything: claim it and look inside. */
static enum status take_first(struct mmu_context *context, struct frame *frame, unsigned int level)
{
    enum status status = frame_get(frame);
    if (status != STATUS_OK) {
        return status;
    }
    frame_claim(frame, (enum frame_type)(FRAME_L1 + level - 1));
    if (level == 1) {
        status = l1_validate(context, frame);
        if (status != STATUS_OK) {
            frame_put(frame);
        }
        return status;
    }
    walk_begin(context, PT_WALK_VALIDATE, frame, 0);
    return walk_run(context);
}

enum status pt_take(struct mmu_context *context, struct frame *frame, unsigned int level)
{
    if (frame_is_table(frame, level)) {
        return take_shared(frame);
    }
    if (walk_is_validation_of(&context->vcpu->walk, frame) && frame->type == FRAME_L1 + level - 1) {
        return walk_run(context);
    }
    enum status status = pt_make_room(context, NULL);
    if (status != STATUS_OK) {
        return status;
    }
    if (frame->type_count > 0) {
        return frame_is_half(frame) ? wait_for_others() : STATUS_TABLE_WRONG_TYPE;
    }
    return take_first(context, frame, level);
}

void pt_drop(struct mmu_context *context, struct frame *frame)
{
    CHECK(frame_is_validated(frame) && frame_type_is_table(frame_type(frame)));
    if (frame->type_count > 1) {
        frame_unshare_type(frame);
        frame_put(frame);
    } else if (frame->type == FRAME_L1) {
        l1_release(context, frame);
        frame_put(frame);
    } else {
        walk_begin(context, PT_WALK_RELEASE, frame, PTE_COUNT);
    }
}
