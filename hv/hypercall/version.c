/* SPDX-License-Identifier: BSD-2-Clause */
/* xen_version: which ABI this is, and which optional parts of it there are (xen/version.h). */
#include "hv/guest_memory.h"
#include "hv/hypercall/hypercall.h"
#include "hv/refuse.h"
#include "lib/string.h"

#include <xen/version.h>

/* The interface we implement is that of Xen 4.17.7: guests and tools choose by these numbers. */
#define ABI_MAJOR         4
#define ABI_MINOR         17
#define ABI_EXTRA_VERSION ".7"

/* Not on the stack: some are longer than a stack frame may be. No names, no date: the same source
 * gives the same image. */
static const xen_extraversion_t extra_version = ABI_EXTRA_VERSION;
static const struct xen_compile_info compile_info = {.compiler = "gcc-compatible"};
static const xen_capabilities_info_t capabilities = "xen-3.0-x86_64 ";
static const xen_changeset_info_t changeset = "unavailable";
/* The hypervisor's own settings are the first domain's business. */
static xen_commandline_t command_line;
static const xen_commandline_t no_command_line = "<denied>";

void version_set_command_line(const char *text)
{
    size_t length = min_u64(strlen(text), sizeof(command_line) - 1);
    memcpy(command_line, text, length);
    command_line[length] = '\0';
}

static struct call_result answer(uint64_t address, const void *value, size_t size)
{
    return call_done(guest_copy_out(address, value, size) ? 0 : refuse_unwritable(address, size));
}

static struct call_result platform_parameters(uint64_t address)
{
    struct xen_platform_parameters parameters = {.virt_start = HYPERVISOR_VIRT_START};
    return answer(address, &parameters, sizeof(parameters));
}

static uint32_t features_of(const struct domain *domain)
{
    uint32_t features =
        (UINT32_C(1) << XENFEAT_mmu_pt_update_preserve_ad) |
        (UINT32_C(1) << XENFEAT_highmem_assist) | (UINT32_C(1) << XENFEAT_gnttab_map_avail_bits) |
        (UINT32_C(1) << XENFEAT_memory_op_vnode_supported) | (UINT32_C(1) << XENFEAT_direct_mapped);
    if (domain_has_assist(domain, VMASST_TYPE_pae_extended_cr3)) {
        features |= UINT32_C(1) << XENFEAT_pae_pgdir_above_4gb;
    }
    if (domain->has_io) {
        features |= UINT32_C(1) << XENFEAT_dom0;
    }
    return features;
}

static struct call_result get_features(const struct hv_vcpu *vcpu, uint64_t address)
{
    struct xen_feature_info info;
    if (!guest_copy_in(&info, address, sizeof(info))) {
        return call_done(refuse_unreadable(address, sizeof(info)));
    }
    if (info.submap_idx != 0) {
        return call_done(
            refuse(-XEN_EINVAL, "there is one word of features, 0, not %u", info.submap_idx));
    }
    info.submap = features_of(vcpu->core.domain);
    return answer(address, &info, sizeof(info));
}

/* xen_version(command, where the answer goes) */
COLD static struct call_result answer_other(struct hv_vcpu *vcpu, uint32_t command,
                                            uint64_t address)
{
    switch (command) {
    case XENVER_extraversion:
        return answer(address, extra_version, sizeof(extra_version));
    case XENVER_compile_info:
        return answer(address, &compile_info, sizeof(compile_info));
    case XENVER_capabilities:
        return answer(address, capabilities, sizeof(capabilities));
    case XENVER_changeset:
        return answer(address, changeset, sizeof(changeset));
    case XENVER_platform_parameters:
        return platform_parameters(address);
    case XENVER_get_features:
        return get_features(vcpu, address);
    case XENVER_pagesize:
        return call_done(address == 0 ? (int64_t)PAGE_SIZE
                                      : refuse(-XEN_EINVAL, "pagesize takes no address, but NULL"));
    case XENVER_guest_handle:
        return answer(address, hv_vcpu_domain(vcpu)->handle, sizeof(xen_domain_handle_t));
    case XENVER_commandline:
        return answer(address, vcpu->core.domain->is_control ? command_line : no_command_line,
                      sizeof(command_line));
    case XENVER_build_id:
        return call_done(refuse(-XEN_ENODATA, "the image has no build ID"));
    default:
        return hypercall_unknown(vcpu, __HYPERVISOR_xen_version, command);
    }
}

/* Linux asks for the version whenever it unmasks events with one pending: for the way out alone. */
struct call_result hypercall_xen_version(struct hv_vcpu *vcpu, uint64_t arg[])
{
    uint32_t command = (uint32_t)arg[0];
    return LIKELY(command == XENVER_version) ? call_done((ABI_MAJOR << 16) | ABI_MINOR)
                                             : answer_other(vcpu, command, arg[1]);
}
