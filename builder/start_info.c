/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/contents.h"

#include "lib/string.h"

static const char magic[] = "xen-3.0-x86_64";

static void initrd_describe(struct start_info *info, const struct build_layout *layout,
                            const struct build_request *request)
{
    if (request->initrd_size == 0) {
        return;
    }
    info->mod_len = request->initrd_size;
    if (layout->initrd_mapped) {
        info->mod_start = layout_address(layout, layout->initrd.first);
    } else {
        info->mod_start = layout->initrd.first.value;
        info->flags |= SIF_MOD_START_PFN;
    }
}

static void p2m_describe(struct start_info *info, const struct build_layout *layout)
{
    info->mfn_list = layout->p2m_address;
    if (layout->p2m_apart) {
        info->first_p2m_pfn = layout->p2m_list.first.value;
        info->nr_p2m_frames = layout->p2m_list.count + layout->p2m_tables.count;
    }
}

/* The rings of an ordinary domain, or the video record of the first one; the two share a place. */
static void console_describe(struct start_info *info, struct build_target *target,
                             const struct build_layout *layout, const struct build_request *request)
{
    if (request->has_rings) {
        info->store_mfn = build_port_mfn(target, layout->store.first).value;
        info->store_evtchn = request->store_port;
        info->console.domU.mfn = build_port_mfn(target, layout->console.first).value;
        info->console.domU.evtchn = request->console_port;
    } else if (request->video != NULL) {
        info->console.dom0.info_off = sizeof(*info);
        info->console.dom0.info_size = (uint32_t)request->video_size;
        memcpy(info + 1, request->video, request->video_size);
    }
}

enum build_status start_info_fill(struct build_target *target, const struct build_layout *layout,
                                  const struct build_request *request, struct build_detail *detail)
{
    pfn_t page = layout->start_info.first;
    struct start_info *info = build_port_map(target, page);
    if (info == NULL) {
        return build_refuse(detail, BUILD_MAP_FAILED, page.value, 0);
    }
    memcpy(info->magic, magic, sizeof(magic));
    info->nr_pages = layout->page_count;
    info->shared_info = request->shared_info_address;
    info->flags = request->start_flags & ~(uint32_t)SIF_MOD_START_PFN;
    info->pt_base = layout_address(layout, layout->tables.first);
    info->nr_pt_frames = layout->tables.count;
    initrd_describe(info, layout, request);
    p2m_describe(info, layout);
    console_describe(info, target, layout, request);
    if (request->command_line != NULL) {
        memcpy(info->cmd_line, request->command_line, strlen(request->command_line) + 1);
    }
    build_port_unmap(target, info);
    return BUILD_OK;
}
