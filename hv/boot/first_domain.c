/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/boot/first_domain.h"

#include "builder/build.h"
#include "builder/hypercall_page.h"
#include "core/mmu_call.h"
#include "core/port.h"
#include "core/pt_validate.h"
#include "core/reservation.h"
#include "hv/boot/plan.h"
#include "hv/console/console.h"
#include "hv/cpu/cpu.h"
#include "hv/crash.h"
#include "hv/domain/domain.h"
#include "hv/domain/vcpu_context.h"
#include "hv/mem/boot_memory.h"
#include "lib/format.h"
#include "lib/string.h"

#define EXTENT_LIMIT 256U

/* Frames that follow each other both as PFNs and as MFNs. */
struct extent {
    uint64_t pfn;
    uint64_t mfn;
    uint64_t count;
};

/* The builder's target. */
struct build_target {
    struct hv_domain *domain;
    struct hv_vcpu *vcpu;
    struct extent extents[EXTENT_LIMIT];
    unsigned int extent_count;
    unsigned int extent_cursor; /* where the last look-up found its PFN */
};

static struct build_target target_record;

/* ---- the builder's port -------------------------------------------------------------------- */

static bool add_extent(struct build_target *target, uint64_t pfn, mfn_t mfn, uint64_t count)
{
    if (target->extent_count > 0) {
        struct extent *last = &target->extents[target->extent_count - 1];
        if (last->pfn + last->count == pfn && last->mfn + last->count == mfn.value) {
            last->count += count;
            return true;
        }
    }
    if (target->extent_count == EXTENT_LIMIT) {
        return false;
    }
    target->extents[target->extent_count++] = (struct extent){pfn, mfn.value, count};
    return true;
}

/* The largest blocks there are, so that the domain's memory is as contiguous as it can be. */
bool build_port_allocate(struct build_target *target, pfn_t first, uint64_t count)
{
    struct domain *domain = &target->domain->core;
    unsigned int order = 18;
    uint64_t done = 0;
    while (done < count) {
        while (order > 0 && UINT64_C(1) << order > count - done) {
            order--;
        }
        struct mmu_locked locked = domain_mmu_lock(domain);
        mfn_t mfn = reservation_add(domain, order, 64);
        domain_mmu_unlock(locked);
        if (mfn_equal(mfn, MFN_INVALID)) {
            if (order == 0) {
                return false;
            }
            order--;
            continue;
        }
        for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
            m2p_set(mfn_add(mfn, i), first.value + done + i);
        }
        if (!add_extent(target, first.value + done, mfn, UINT64_C(1) << order)) {
            return false;
        }
        done += UINT64_C(1) << order;
    }
    return true;
}

mfn_t build_port_mfn(struct build_target *target, pfn_t pfn)
{
    for (unsigned int tried = 0; tried < target->extent_count; tried++) {
        const struct extent *extent = &target->extents[target->extent_cursor];
        if (pfn.value - extent->pfn < extent->count) {
            return mfn_make(extent->mfn + (pfn.value - extent->pfn));
        }
        target->extent_cursor = (target->extent_cursor + 1) % target->extent_count;
    }
    return MFN_INVALID;
}

void *build_port_map(struct build_target *target, pfn_t pfn)
{
    mfn_t mfn = build_port_mfn(target, pfn);
    return mfn_equal(mfn, MFN_INVALID) ? NULL : port_map_frame(mfn);
}

void build_port_unmap(struct build_target *target, void *page)
{
    (void)target;
    (void)page;
}

int build_port_pin_l4(struct build_target *target, mfn_t l4)
{
    struct mmu_context context;
    context_open_self(&context, &target->vcpu->core);
    enum status status = STATUS_TABLE_NOT_OWNED;
    struct frame *frame = context_find_frame(&context, l4);
    if (frame != NULL) {
        do {
            status = pt_take(&context, frame, 4);
        } while (status == STATUS_PREEMPTED && context_breathe(&context));
    }
    if (status == STATUS_OK) {
        frame_set_pinned(frame, true);
    }
    context_close(&context);
    return status_to_errno(status);
}

bool build_port_hypercall_page(struct build_target *target, mfn_t frame)
{
    (void)target;
    hypercall_page_fill(port_map_frame(frame));
    return true;
}

int build_port_set_vcpu(struct build_target *target, const struct vcpu_guest_context *context)
{
    struct call_result result;
    do {
        result = vcpu_context_set(target->vcpu, context);
    } while (result.again);
    return (int)result.value;
}

/* ---- the domain ---------------------------------------------------------------------------- */

static void create_records(struct build_target *target)
{
    const struct domain_config config = {.id = FIRST_DOMAIN, .is_first = true, .vcpus = 1};
    if (hv_domain_create(&config, &target->domain) != 0 ||
        hv_domain_add_vcpus(target->domain, 1) != 0) {
        panic("no memory for the first domain's records");
    }
    target->vcpu = hv_domain_vcpu(target->domain, 0);
}

/* Without dom0_mem the first domain gets all but a sixteenth, at most 128 MiB, which stays free for
 * what it asks for later. */
static uint64_t choose_page_count(const struct hv_options *options)
{
    uint64_t available = machine.free_count << PAGE_SHIFT;
    struct dom0_memory memory = options->dom0_mem;
    if (!memory.size.given) {
        uint64_t spare = min_u64(available / 16, UINT64_C(128) << 20);
        memory.size = (struct memory_amount){.bytes = spare, .given = true, .negative = true};
    }
    return options_dom0_bytes(&memory, available) >> PAGE_SHIFT;
}

/* What can be put right outside the kernel's file is told in the words of who can. */
static void panic_if_memory(enum build_status status, const struct build_detail *detail)
{
    unsigned int shift = 20 - PAGE_SHIFT;
    uint64_t wanted = (detail->value + (1U << shift) - 1) >> shift;
    if (status == BUILD_TOO_LITTLE_MEMORY) {
        panic("too little memory for the first domain: kernel and initrd need %lu MiB, it gets %lu "
              "MiB (option dom0_mem, or the machine's size)",
              wanted, detail->limit >> shift);
    }
    if (status == BUILD_INITRD_TOO_LARGE) {
        panic("the initrd is too large for the first domain: it has %lu MiB, the domain gets %lu "
              "MiB (option dom0_mem, or the machine's size)",
              wanted, detail->limit >> shift);
    }
}

static NORETURN void refuse_kernel(enum build_status status, const struct build_detail *detail,
                                   const struct boot_module *kernel)
{
    panic_if_memory(status, detail);
    char numbers[48] = "";
    switch (build_status_numbers(status)) {
    case 0:
        break;
    case 1:
        format_text(numbers, sizeof(numbers), " (0x%lx)", detail->value);
        break;
    default:
        format_text(numbers, sizeof(numbers), " (0x%lx, 0x%lx)", detail->value, detail->limit);
        break;
    }
    panic("boot module 0, \"%.64s\", %lu bytes, cannot be started: %s%s%s", kernel->text,
          kernel->size, build_status_text(status), numbers,
          status == BUILD_NOT_ELF ? "; \"pinnace extract\" unpacks one" : "");
}

static void free_modules(const struct boot_information *information)
{
    for (unsigned int i = 0; i < information->module_count; i++) {
        uint64_t first = information->modules[i].address >> PAGE_SHIFT;
        uint64_t end =
            (information->modules[i].address + information->modules[i].size) >> PAGE_SHIFT;
        if ((information->modules[i].address & PAGE_MASK) != 0) {
            first++;
        }
        machine_add_free(mfn_make(first), end > first ? end - first : 0);
    }
}

void first_domain_create(const struct boot_information *information,
                         const struct hv_options *options)
{
    if (information->module_count == 0) {
        panic("no boot module: the first one must be the first domain's kernel (an ELF file)");
    }
    const struct boot_module *kernel = &information->modules[0];
    const struct boot_module *initrd =
        information->module_count > 1 ? &information->modules[1] : NULL;
    struct build_target *target = &target_record;
    create_records(target);
    const struct build_request request = {
        .kernel = phys_to_virt(kernel->address),
        .kernel_size = kernel->size,
        .initrd = initrd != NULL ? phys_to_virt(initrd->address) : NULL,
        .initrd_size = initrd != NULL ? initrd->size : 0,
        .command_line = boot_module_arguments(information, 0),
        .page_count = choose_page_count(options),
        .start_flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
        .shared_info_address = target->domain->shared_mfn.value << PAGE_SHIFT,
    };
    static struct build_result result;
    enum build_status status = build_domain(target, &request, &result);
    if (status != BUILD_OK) {
        refuse_kernel(status, &result.detail, kernel);
    }
    free_modules(information);
    console_log(LOG_INFO, "d0: %lu MiB, kernel at 0x%lx, entry 0x%lx, %lu page-table frames pinned",
                request.page_count >> (20 - PAGE_SHIFT),
                layout_address(&result.layout, result.layout.kernel.first), result.image.entry,
                result.layout.tables.count);
    CHECK(hv_domain_unpause(target->domain) == 0);
}
