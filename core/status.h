/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the core refused. Each check has a value of its own, so that a test sees which one it was. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include "lib/compiler.h"

enum status {
    STATUS_OK,
    /* not refusals: the caller goes on later */
    STATUS_PREEMPTED, /* work was begun and is remembered; come again */
    STATUS_AGAIN,     /* another vCPU is in the middle of this frame; nothing was done */
    /* all from here on are refusals */
    /* entries */
    STATUS_RESERVED_BITS,    /* a bit the level does not allow */
    STATUS_HYPERVISOR_SLOT,  /* an L4 slot that is the hypervisor's */
    STATUS_BAD_FRAME_NUMBER, /* no such frame */
    STATUS_NO_IO_RIGHT,      /* I/O memory the domain may not map */
    STATUS_LEAF_NOT_OWNED,   /* an L1 entry names a frame of somebody else, or a free one */
    STATUS_LEAF_WRONG_TYPE,  /* a writable L1 entry names a table or a descriptor frame */
    STATUS_LEAF_UNCACHED,    /* non-write-back mapping of a hypervisor frame */
    STATUS_TABLE_NOT_OWNED,  /* an upper entry, pin or base names a frame of somebody else */
    STATUS_TABLE_NOT_RAM,    /* ... or one that is not plain RAM of a guest */
    STATUS_TABLE_WRONG_TYPE, /* ... or one in use as something else */
    STATUS_COUNT_OVERFLOW,
    STATUS_SAME_LEVEL_WRITABLE, /* an upper entry with RW names a table of its own level */
    STATUS_SAME_LEVEL_CHAIN,    /* ... without, but one of the two is part of such a pair already */
    STATUS_FOREIGN_TABLE,       /* upper-level update on behalf of another page owner */
    STATUS_THIRD_DOMAIN,        /* frames that the owner of the tables has no right to */
    /* calls */
    STATUS_NO_TABLE,        /* no table maps this address */
    STATUS_BAD_ADDRESS,     /* not canonical, or in the hypervisor's range */
    STATUS_FAULT,           /* guest memory could not be read or written */
    STATUS_NOT_PERMITTED,   /* the caller has no right over that domain */
    STATUS_OWN_ONLY,        /* on behalf of another domain */
    STATUS_NO_DOMAIN,       /* no such domain */
    STATUS_NO_VCPU,         /* the owner of the tables has no vCPU yet */
    STATUS_DYING,           /* the domain gains no frame any more */
    STATUS_UNKNOWN_COMMAND, /* not part of the interface, or not implemented */
    STATUS_NO_ASSIST,       /* no such type of vm_assist */
    STATUS_TOO_MANY_DESCRIPTORS,
    STATUS_LDT_NOT_ALIGNED,
    STATUS_DESCRIPTOR_NOT_ALIGNED,
    STATUS_NO_BITMAP, /* a bitmap of vCPUs could not be read */
    STATUS_NO_SUPERPAGES,
    STATUS_NOT_CONTINUED, /* bits above a command that is never interrupted */
    STATUS_ALREADY_PINNED,
    STATUS_NOT_PINNED,
    STATUS_FRAME_NOT_OWNED, /* a frame to be written, given back or traded is somebody else's */
    STATUS_BAD_DESCRIPTOR,
    STATUS_NO_MEMORY,
    STATUS_NOT_TRANSLATED,        /* a call for domains that are not PV */
    STATUS_FRAME_IN_USE,          /* still mapped or typed: cannot be taken away */
    STATUS_NO_CACHE_RIGHT,        /* cache flush by a domain without I/O rights */
    STATUS_NO_GLOBAL_CACHE_RIGHT, /* the same on all CPUs */
    STATUS_TOO_MANY_EXTENTS,
    STATUS_EXTENT_TOO_LARGE,
    STATUS_NO_NODE, /* a NUMA node that there is not */
    STATUS_NOT_ON_DEMAND,
    STATUS_NO_VIRTUAL_NODES,
    STATUS_NEEDS_BATCH, /* add_to_physmap with another domain's frames */
    STATUS_BATCH_OF_RANGE,
    STATUS_EXCHANGE_DONE, /* more is done than was asked for */
    STATUS_EXCHANGE_OWNERS,
    STATUS_EXCHANGE_UNEQUAL,
    STATUS_PADDING,
    STATUS_NO_RESOURCE,
    STATUS_RESOURCE_ID,
    STATUS_RESOURCE_RANGE,
    STATUS_RESOURCE_COUNT,
    /* grants */
    STATUS_GRANT_NO_USE,        /* a mapping neither for the host nor for devices */
    STATUS_GRANT_BAD_REFERENCE, /* no such entry */
    STATUS_GRANT_NOT_GIVEN,     /* the entry does not grant this to the caller */
    STATUS_GRANT_READ_ONLY,     /* ... and not for writing */
    STATUS_GRANT_CHANGING,      /* the guest keeps changing it */
    STATUS_GRANT_OTHER_MAPPER,  /* somebody else uses it now */
    STATUS_GRANT_IN_USE,        /* it is being used: cannot be swapped */
    STATUS_GRANT_BAD_PAGE,      /* it names a frame that is not its domain's RAM */
    STATUS_GRANT_NO_HANDLE,
    STATUS_GRANT_BAD_HANDLE,
    STATUS_GRANT_BAD_SLOT,     /* no L1 entry is where the mapping is to be */
    STATUS_GRANT_MAPPING_GONE, /* the L1 entry is no longer the mapping */
    STATUS_GRANT_BAD_DEVICE_ADDRESS,
    STATUS_GRANT_CANNOT_REPLACE, /* nothing to put in the mapping's place */
    STATUS_GRANT_COPY_BEYOND,    /* a copy that leaves its page */
    STATUS_GRANT_TABLE_LIMIT,    /* no such frame of the table, and it may not have more */
    STATUS_GRANT_LIST_FAULT,     /* the table has grown, but its frames could not be reported */
    STATUS_GRANT_NO_ROOM,        /* the domain may not have more frames */
    STATUS_GRANT_MFN_TOO_LARGE,  /* for an entry */
    STATUS_GRANT_ONE_ELEMENT,    /* an array for an operation that takes none */
    STATUS_GRANT_COUNT,          /* bit 31 */
    STATUS_GRANT_TABLE_SIZE,     /* for a new table */
    STATUS_GRANT_NO_VERSION,
    STATUS_GRANT_VERSION_2,
    STATUS_GRANT_NO_CACHE_FLUSH,
    STATUS_NO_MEMORY_MAP,
};

/* The number of <xen/errno.h>, negative, that the ABI answers for this status; 0 for STATUS_OK.
 * Not for STATUS_PREEMPTED and STATUS_AGAIN, which a guest never sees. */
NODISCARD int status_to_errno(enum status status);

/* What the ABI answers in the status of one grant operation: GNTST_okay or a negative number. Not
 * for STATUS_PREEMPTED and STATUS_AGAIN either. */
NODISCARD int16_t status_to_grant(enum status status);

/* The rule that was broken, as half a sentence for the log. */
const char *status_text(enum status status);

/* What would have been accepted, as half a sentence; "" where the rule itself says it. */
const char *status_advice(enum status status);

#endif
