/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/status.h"

#include "lib/abi.h"

#include "lib/check.h"

#include <xen/grant_table.h>

int status_to_errno(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return 0;
    case STATUS_RESERVED_BITS:
    case STATUS_HYPERVISOR_SLOT:
    case STATUS_BAD_FRAME_NUMBER:
    case STATUS_TABLE_NOT_OWNED:
    case STATUS_TABLE_NOT_RAM:
    case STATUS_TABLE_WRONG_TYPE:
    case STATUS_COUNT_OVERFLOW:
    case STATUS_SAME_LEVEL_WRITABLE:
    case STATUS_SAME_LEVEL_CHAIN:
    case STATUS_FOREIGN_TABLE:
    case STATUS_NO_TABLE:
    case STATUS_BAD_ADDRESS:
    case STATUS_NO_VCPU:
    case STATUS_DYING:
    case STATUS_NO_ASSIST:
    case STATUS_TOO_MANY_DESCRIPTORS:
    case STATUS_LDT_NOT_ALIGNED:
    case STATUS_DESCRIPTOR_NOT_ALIGNED:
    case STATUS_NO_BITMAP:
    case STATUS_NOT_CONTINUED:
    case STATUS_ALREADY_PINNED:
    case STATUS_NOT_PINNED:
    case STATUS_BAD_DESCRIPTOR:
    case STATUS_FRAME_NOT_OWNED:
    case STATUS_FRAME_IN_USE:
    case STATUS_NO_GLOBAL_CACHE_RIGHT:
    case STATUS_TOO_MANY_EXTENTS:
    case STATUS_NO_NODE:
    case STATUS_NOT_ON_DEMAND:
    case STATUS_EXCHANGE_DONE:
    case STATUS_EXCHANGE_OWNERS:
    case STATUS_EXCHANGE_UNEQUAL:
    case STATUS_PADDING:
    case STATUS_RESOURCE_ID:
    case STATUS_RESOURCE_RANGE:
    case STATUS_RESOURCE_COUNT:
    case STATUS_GRANT_NO_USE:
    case STATUS_GRANT_BAD_REFERENCE:
    case STATUS_GRANT_NOT_GIVEN:
    case STATUS_GRANT_READ_ONLY:
    case STATUS_GRANT_CHANGING:
    case STATUS_GRANT_OTHER_MAPPER:
    case STATUS_GRANT_IN_USE:
    case STATUS_GRANT_BAD_PAGE:
    case STATUS_GRANT_NO_HANDLE:
    case STATUS_GRANT_BAD_HANDLE:
    case STATUS_GRANT_BAD_SLOT:
    case STATUS_GRANT_MAPPING_GONE:
    case STATUS_GRANT_BAD_DEVICE_ADDRESS:
    case STATUS_GRANT_CANNOT_REPLACE:
    case STATUS_GRANT_COPY_BEYOND:
    case STATUS_GRANT_TABLE_LIMIT:
    case STATUS_GRANT_LIST_FAULT:
    case STATUS_GRANT_NO_ROOM:
    case STATUS_GRANT_MFN_TOO_LARGE:
    case STATUS_GRANT_ONE_ELEMENT:
    case STATUS_GRANT_COUNT:
    case STATUS_GRANT_TABLE_SIZE:
    case STATUS_GRANT_NO_VERSION:
        return -XEN_EINVAL;
    case STATUS_LEAF_NOT_OWNED:
    case STATUS_LEAF_WRONG_TYPE:
        return -XEN_EBUSY;
    case STATUS_NO_IO_RIGHT:
    case STATUS_THIRD_DOMAIN:
    case STATUS_NOT_PERMITTED:
    case STATUS_OWN_ONLY:
    case STATUS_EXTENT_TOO_LARGE:
        return -XEN_EPERM;
    case STATUS_LEAF_UNCACHED:
    case STATUS_NO_CACHE_RIGHT:
    case STATUS_NOT_TRANSLATED:
        return -XEN_EACCES;
    case STATUS_FAULT:
        return -XEN_EFAULT;
    case STATUS_NO_DOMAIN:
        return -XEN_ESRCH;
    case STATUS_UNKNOWN_COMMAND:
    case STATUS_NEEDS_BATCH:
    case STATUS_GRANT_VERSION_2:
    case STATUS_NO_MEMORY_MAP:
        return -XEN_ENOSYS;
    case STATUS_NO_SUPERPAGES:
    case STATUS_NO_VIRTUAL_NODES:
    case STATUS_BATCH_OF_RANGE:
    case STATUS_NO_RESOURCE:
    case STATUS_GRANT_NO_CACHE_FLUSH:
        return -XEN_EOPNOTSUPP;
    case STATUS_NO_MEMORY:
        return -XEN_ENOMEM;
    case STATUS_PREEMPTED:
    case STATUS_AGAIN:
        break;
    }
    UNREACHABLE("a continuation has no errno");
}

int16_t status_to_grant(enum status status)
{
    CHECK(status != STATUS_PREEMPTED && status != STATUS_AGAIN);
    static const int16_t numbers[] = {
        [STATUS_NO_DOMAIN] = GNTST_bad_domain,
        [STATUS_NOT_PERMITTED] = GNTST_permission_denied,
        [STATUS_GRANT_NO_USE] = GNTST_bad_gntref,
        [STATUS_GRANT_BAD_REFERENCE] = GNTST_bad_gntref,
        [STATUS_GRANT_IN_USE] = GNTST_eagain,
        [STATUS_GRANT_BAD_PAGE] = GNTST_bad_page,
        [STATUS_GRANT_NO_HANDLE] = GNTST_no_space,
        [STATUS_GRANT_BAD_HANDLE] = GNTST_bad_handle,
        [STATUS_GRANT_BAD_DEVICE_ADDRESS] = GNTST_bad_dev_addr,
        [STATUS_GRANT_COPY_BEYOND] = GNTST_bad_copy_arg,
        [STATUS_GRANT_LIST_FAULT] = GNTST_bad_virt_addr,
        [STATUS_GRANT_MFN_TOO_LARGE] = GNTST_address_too_big,
    };
    if (status == STATUS_OK) {
        return GNTST_okay;
    }
    int16_t number = status < ARRAY_SIZE(numbers) ? numbers[status] : 0;
    return number != 0 ? number : GNTST_general_error;
}

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "accepted";
    case STATUS_PREEMPTED:
        return "interrupted, to be continued";
    case STATUS_AGAIN:
        return "another vCPU is working on the frame";
    case STATUS_RESERVED_BITS:
        return "a bit is set that this level does not allow";
    case STATUS_HYPERVISOR_SLOT:
        return "L4 slots 256 to 271 are the hypervisor's";
    case STATUS_BAD_FRAME_NUMBER:
        return "there is no such frame";
    case STATUS_NO_IO_RIGHT:
        return "the domain may not map this I/O memory";
    case STATUS_LEAF_NOT_OWNED:
        return "the frame does not belong to the domain";
    case STATUS_LEAF_WRONG_TYPE:
        return "a page table or descriptor table must not be mapped writable";
    case STATUS_LEAF_UNCACHED:
        return "a hypervisor frame must be mapped write-back";
    case STATUS_TABLE_NOT_OWNED:
        return "a table, page table or descriptors, must belong to the domain that uses it";
    case STATUS_TABLE_NOT_RAM:
        return "only plain RAM can be a page table or descriptor table";
    case STATUS_TABLE_WRONG_TYPE:
        return "the frame is in use as something else";
    case STATUS_COUNT_OVERFLOW:
        return "the frame has too many references";
    case STATUS_SAME_LEVEL_WRITABLE:
        return "an entry that names a table of its own level must not have RW";
    case STATUS_SAME_LEVEL_CHAIN:
        return "a table that names another of its own level must not be named by one";
    case STATUS_FOREIGN_TABLE:
        return "upper levels take frames of the table's owner only";
    case STATUS_THIRD_DOMAIN:
        return "tables take no frames of a third domain";
    case STATUS_NO_TABLE:
        return "no page table maps this address";
    case STATUS_BAD_ADDRESS:
        return "the address is not the guest's";
    case STATUS_FAULT:
        return "an argument could not be read or written";
    case STATUS_NOT_PERMITTED:
        return "the caller has no right over that domain";
    case STATUS_OWN_ONLY:
        return "a domain does this for itself only";
    case STATUS_NO_DOMAIN:
        return "there is no such domain";
    case STATUS_NO_VCPU:
        return "the domain has no vCPU yet";
    case STATUS_DYING:
        return "the domain is being destroyed";
    case STATUS_UNKNOWN_COMMAND:
        return "the command is not implemented";
    case STATUS_NO_ASSIST:
        return "there is no such assistance for a 64-bit guest";
    case STATUS_TOO_MANY_DESCRIPTORS:
        return "no descriptor table has that many entries";
    case STATUS_LDT_NOT_ALIGNED:
        return "an LDT begins with a page";
    case STATUS_DESCRIPTOR_NOT_ALIGNED:
        return "the address is in the middle of a descriptor";
    case STATUS_NO_BITMAP:
        return "the bitmap of vCPUs could not be read";
    case STATUS_NO_SUPERPAGES:
        return "a PV domain has no superpages";
    case STATUS_NOT_CONTINUED:
        return "this command is never interrupted, and has nowhere to go on";
    case STATUS_ALREADY_PINNED:
        return "the frame is pinned already";
    case STATUS_NOT_PINNED:
        return "the frame is not pinned";
    case STATUS_FRAME_NOT_OWNED:
        return "the frame is not plain RAM of the domain";
    case STATUS_BAD_DESCRIPTOR:
        return "a segment descriptor is not one a guest may have";
    case STATUS_NO_MEMORY:
        return "there is no such memory left, or the domain may not have more";
    case STATUS_NOT_TRANSLATED:
        return "frame numbers of a PV domain are not translated";
    case STATUS_FRAME_IN_USE:
        return "the frame is still mapped or typed";
    case STATUS_NO_CACHE_RIGHT:
        return "the domain has no right to flush caches";
    case STATUS_NO_GLOBAL_CACHE_RIGHT:
        return "the domain has no right to flush the caches of all CPUs";
    case STATUS_TOO_MANY_EXTENTS:
        return "a call changes fewer extents";
    case STATUS_EXTENT_TOO_LARGE:
        return "the extent order is above the domain's limit";
    case STATUS_NO_NODE:
        return "the memory cannot be of that node alone";
    case STATUS_NOT_ON_DEMAND:
        return "a PV domain's memory does not come on demand";
    case STATUS_NO_VIRTUAL_NODES:
        return "no domain has virtual NUMA nodes";
    case STATUS_NEEDS_BATCH:
        return "other domains' frames are added by a batch only";
    case STATUS_BATCH_OF_RANGE:
        return "a batch has no ranges: it is one";
    case STATUS_EXCHANGE_DONE:
        return "more extents are exchanged than there are";
    case STATUS_EXCHANGE_OWNERS:
        return "an exchange is of one domain's frames";
    case STATUS_EXCHANGE_UNEQUAL:
        return "as many frames are given as are taken";
    case STATUS_PADDING:
        return "a field that has no meaning is set";
    case STATUS_NO_RESOURCE:
        return "frames of this type of resource are not told";
    case STATUS_RESOURCE_ID:
        return "the grant table has no such part";
    case STATUS_RESOURCE_RANGE:
        return "numbers of a resource's frames have 32 bits";
    case STATUS_RESOURCE_COUNT:
        return "a list has a count, and a question for the size has neither";
    case STATUS_NO_MEMORY_MAP:
        return "no memory map was set";
    case STATUS_GRANT_NO_USE:
        return "a grant is mapped for the host, for devices or for both";
    case STATUS_GRANT_BAD_REFERENCE:
        return "the domain's table has no such entry";
    case STATUS_GRANT_NOT_GIVEN:
        return "the entry does not grant this to the caller";
    case STATUS_GRANT_READ_ONLY:
        return "the frame is granted for reading only";
    case STATUS_GRANT_CHANGING:
        return "its domain keeps changing the entry";
    case STATUS_GRANT_OTHER_MAPPER:
        return "another domain is using the entry";
    case STATUS_GRANT_IN_USE:
        return "the entry is in use";
    case STATUS_GRANT_BAD_PAGE:
        return "the frame is not plain RAM of the domain that grants, copies or transfers it";
    case STATUS_GRANT_NO_HANDLE:
        return "the domain has no handle left";
    case STATUS_GRANT_BAD_HANDLE:
        return "there is no mapping with this handle";
    case STATUS_GRANT_BAD_SLOT:
        return "there is no L1 entry for the mapping";
    case STATUS_GRANT_MAPPING_GONE:
        return "the L1 entry is not the mapping, or not any more";
    case STATUS_GRANT_BAD_DEVICE_ADDRESS:
        return "the device address is not the mapping's";
    case STATUS_GRANT_CANNOT_REPLACE:
        return "there is no other L1 entry to put in the mapping's place";
    case STATUS_GRANT_COPY_BEYOND:
        return "a copy must stay in its two pages";
    case STATUS_GRANT_TABLE_LIMIT:
        return "the grant table may not have that many frames";
    case STATUS_GRANT_LIST_FAULT:
        return "the list of frames could not be written";
    case STATUS_GRANT_NO_ROOM:
        return "the domain may not have more frames";
    case STATUS_GRANT_MFN_TOO_LARGE:
        return "the frame's number does not fit into an entry";
    case STATUS_GRANT_ONE_ELEMENT:
        return "this operation has one element, not an array";
    case STATUS_GRANT_COUNT:
        return "a call has fewer elements";
    case STATUS_GRANT_TABLE_SIZE:
        return "a grant table has 1 to 128 frames, and 1 to 1024 of handles";
    case STATUS_GRANT_NO_VERSION:
        return "there is no such version of grant tables";
    case STATUS_GRANT_VERSION_2:
        return "grant tables of version 2 are not implemented";
    case STATUS_GRANT_NO_CACHE_FLUSH:
        return "caches are not flushed for grants";
    }
    return "?";
}

const char *status_advice(enum status status)
{
    switch (status) {
    case STATUS_RESERVED_BITS:
        return "L1 entries may have all but cache bits on RAM, upper entries all but PS, G and cache "
               "bits";
    case STATUS_NO_IO_RIGHT:
        return "only the first domain maps I/O memory, and not the interrupt controllers";
    case STATUS_LEAF_NOT_OWNED:
        return "map frames of the domain's own, or name their owner in the call";
    case STATUS_LEAF_WRONG_TYPE:
        return "map it read-only, or end its use as a table first: unhook and unpin it";
    case STATUS_LEAF_UNCACHED:
        return "leave PWT, PCD and PAT clear";
    case STATUS_TABLE_WRONG_TYPE:
        return "drop every writable mapping of the frame and every use at another level first";
    case STATUS_SAME_LEVEL_WRITABLE:
        return "clear RW";
    case STATUS_SAME_LEVEL_CHAIN:
        return "name each table from its own entry, or all of them from one that none names";
    case STATUS_FOREIGN_TABLE:
        return "use DOMID_SELF, or the tables' owner, as the frames' owner";
    case STATUS_HYPERVISOR_SLOT:
        return "leave them alone; they are filled in when an L4 is pinned";
    case STATUS_NO_TABLE:
        return "hook up an L1 table for the address first";
    case STATUS_BAD_ADDRESS:
        return "below 0x800000000000 or from 0xffff880000000000 on";
    case STATUS_NOT_PINNED:
    case STATUS_ALREADY_PINNED:
        return "a table is pinned once and unpinned once";
    case STATUS_BAD_DESCRIPTOR:
        return "absent descriptors, code and data segments may be there";
    case STATUS_FRAME_IN_USE:
        return "unmap and unpin the frame everywhere first";
    case STATUS_NO_CACHE_RIGHT:
        return "only domains with I/O memory flush caches";
    case STATUS_GRANT_NOT_GIVEN:
        return "its flags must say permit_access (or accept_transfer), and its domid be the caller's";
    case STATUS_GRANT_BAD_SLOT:
        return "give an address that an L1 table of the caller maps, or the aligned machine address "
               "of an entry";
    case STATUS_GRANT_MAPPING_GONE:
        return "name the address it was mapped at; what was overwritten ends with the domain";
    case STATUS_BAD_FRAME_NUMBER:
        return "RAM ends below it, or it is an invalid entry of the P2M";
    case STATUS_TABLE_NOT_OWNED:
        return "use frames of the domain's own";
    case STATUS_TABLE_NOT_RAM:
        return "use frames that the hypervisor does not share";
    case STATUS_FAULT:
        return "arguments are below 0x800000000000 or from 0xffff880000000000 on, and mapped";
    case STATUS_NOT_PERMITTED:
        return "only a control domain acts for others";
    case STATUS_NO_DOMAIN:
        return "the caller calls itself DOMID_SELF";
    case STATUS_EXTENT_TOO_LARGE:
        return "orders go up to 9";
    case STATUS_GRANT_READ_ONLY:
        return "map it read-only";
    case STATUS_GRANT_BAD_REFERENCE:
        return "references are below 512 times the frames of the table";
    case STATUS_GRANT_NO_HANDLE:
        return "unmap grants first";
    case STATUS_GRANT_IN_USE:
        return "wait until it is unmapped";
    case STATUS_GRANT_CANNOT_REPLACE:
        return "name the address of another L1 entry, of a mapping made by address";
    case STATUS_GRANT_NO_ROOM:
        return "it must live, and have fewer frames than its limit";
    case STATUS_NOT_TRANSLATED:
        return "map frames with mmu_update";
    case STATUS_THIRD_DOMAIN:
        return "such frames are for grants";
    case STATUS_OWN_ONLY:
        return "name DOMID_SELF, and no other owner of tables";
    case STATUS_NO_VCPU:
        return "give it vCPUs before its tables are changed";
    case STATUS_DYING:
        return "it only gives frames back";
    case STATUS_NO_ASSIST:
        return "types are 0 to 5 and 32";
    case STATUS_TOO_MANY_DESCRIPTORS:
        return "a GDT has at most 7168, an LDT 8192";
    case STATUS_LDT_NOT_ALIGNED:
        return "give a multiple of 4096";
    case STATUS_DESCRIPTOR_NOT_ALIGNED:
        return "give a multiple of 8";
    case STATUS_NO_BITMAP:
        return "it is one word of the guest's, and mapped";
    case STATUS_NO_SUPERPAGES:
        return "map frames of 4 KiB";
    case STATUS_NOT_CONTINUED:
        return "leave the bits above it clear";
    case STATUS_TOO_MANY_EXTENTS:
        return "at most 0x3ffffff";
    case STATUS_NO_GLOBAL_CACHE_RIGHT:
        return "only domains with I/O memory do";
    case STATUS_NO_NODE:
        return "leave the node out, or do not insist on it";
    case STATUS_NOT_ON_DEMAND:
        return "populate it at once";
    case STATUS_NO_VIRTUAL_NODES:
        return "all its memory is of one node";
    case STATUS_NEEDS_BATCH:
        return "use add_to_physmap_batch";
    case STATUS_BATCH_OF_RANGE:
        return "give each frame of it";
    case STATUS_EXCHANGE_DONE:
        return "begin with nr_exchanged 0";
    case STATUS_EXCHANGE_OWNERS:
        return "name it in both reservations";
    case STATUS_EXCHANGE_UNEQUAL:
        return "nr_extents << extent_order is the same for both";
    case STATUS_PADDING:
        return "make it 0";
    case STATUS_NO_RESOURCE:
        return "the grant table's are (type 1)";
    case STATUS_RESOURCE_ID:
        return "its entries are (id 0): tables are of version 1";
    case STATUS_RESOURCE_RANGE:
        return "the first one and the count are below 2^32 together";
    case STATUS_RESOURCE_COUNT:
        return "give both or none";
    case STATUS_GRANT_ONE_ELEMENT:
        return "call it once for each";
    case STATUS_GRANT_COUNT:
        return "at most 0x7fffffff";
    case STATUS_GRANT_NO_VERSION:
        return "use version 1";
    case STATUS_GRANT_VERSION_2:
        return "stay with version 1";
    case STATUS_GRANT_NO_CACHE_FLUSH:
        return "on this processor they agree with memory";
    case STATUS_OK:
    case STATUS_PREEMPTED:
    case STATUS_AGAIN:
    case STATUS_COUNT_OVERFLOW:
    case STATUS_UNKNOWN_COMMAND:
    case STATUS_FRAME_NOT_OWNED:
    case STATUS_NO_MEMORY:
    case STATUS_NO_MEMORY_MAP:
    case STATUS_GRANT_NO_USE:
    case STATUS_GRANT_CHANGING:
    case STATUS_GRANT_OTHER_MAPPER:
    case STATUS_GRANT_BAD_PAGE:
    case STATUS_GRANT_BAD_HANDLE:
    case STATUS_GRANT_BAD_DEVICE_ADDRESS:
    case STATUS_GRANT_COPY_BEYOND:
    case STATUS_GRANT_TABLE_LIMIT:
    case STATUS_GRANT_LIST_FAULT:
    case STATUS_GRANT_MFN_TOO_LARGE:
    case STATUS_GRANT_TABLE_SIZE:
        break;
    }
    return "";
}
