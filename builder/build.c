/* SPDX-License-Identifier: BSD-2-Clause */
#include "builder/build.h"

#include "builder/contents.h"

static enum build_status hypercall_page_make(struct build_target *target,
                                             const struct kernel_image *image,
                                             struct build_detail *detail)
{
    if (!image->has_hypercall_page) {
        return BUILD_OK;
    }
    pfn_t pfn = pfn_make((image->hypercall_page - image->virt_base) >> PAGE_SHIFT);
    if (!build_port_hypercall_page(target, build_port_mfn(target, pfn))) {
        return build_refuse(detail, BUILD_HYPERCALL_PAGE_FAILED, pfn.value, 0);
    }
    return BUILD_OK;
}

/* Fill every page that is not a table. */
static enum build_status contents_fill(struct build_target *target,
                                       const struct build_request *request,
                                       struct build_result *result)
{
    struct build_detail *detail = &result->detail;
    enum build_status status = pages_clear(target, &result->layout, detail);
    if (status == BUILD_OK) {
        status = kernel_load(target, &result->image, detail);
    }
    if (status == BUILD_OK) {
        status = initrd_load(target, &result->layout, request, detail);
    }
    if (status == BUILD_OK) {
        status = p2m_fill(target, &result->layout, detail);
    }
    if (status == BUILD_OK) {
        status = start_info_fill(target, &result->layout, request, detail);
    }
    if (status == BUILD_OK) {
        status = hypercall_page_make(target, &result->image, detail);
    }
    return status;
}

static enum build_status l4_pin(struct build_target *target, mfn_t l4, struct build_detail *detail)
{
    int error = build_port_pin_l4(target, l4);
    if (error != 0) {
        return build_refuse(detail, BUILD_PIN_REFUSED, (uint64_t) - (int64_t)error, l4.value);
    }
    return BUILD_OK;
}

/* Memory, contents, tables, and last the two steps that make it a domain that can run. */
static enum build_status domain_fill(struct build_target *target,
                                     const struct build_request *request,
                                     struct build_result *result)
{
    const struct build_layout *layout = &result->layout;
    if (!build_port_allocate(target, pfn_make(0), layout->page_count)) {
        return build_refuse(&result->detail, BUILD_NO_MEMORY, layout->page_count, 0);
    }
    result->l4 = build_port_mfn(target, layout->tables.first);
    if (request->has_rings) {
        result->store = build_port_mfn(target, layout->store.first);
        result->console = build_port_mfn(target, layout->console.first);
    }
    enum build_status status = contents_fill(target, request, result);
    if (status == BUILD_OK) {
        status = tables_fill(target, layout, &result->detail);
    }
    if (status == BUILD_OK) {
        status = l4_pin(target, result->l4, &result->detail);
    }
    if (status == BUILD_OK) {
        status = vcpu_set(target, &result->image, layout, &result->detail);
    }
    return status;
}

enum build_status build_domain(struct build_target *target, const struct build_request *request,
                               struct build_result *result)
{
    *result = (struct build_result){
        .l4 = MFN_INVALID,
        .store = MFN_INVALID,
        .console = MFN_INVALID,
    };
    enum build_status status = kernel_image_read(request, &result->image, &result->detail);
    if (status != BUILD_OK) {
        return status;
    }
    status = layout_compute(&result->image, request, &result->layout, &result->detail);
    if (status != BUILD_OK) {
        return status;
    }
    return domain_fill(target, request, result);
}
