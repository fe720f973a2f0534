/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O ports of guests. Only the first domain has any: it drives the machine's devices, except what
 * the hypervisor uses itself. Where a guest has no right, reads answer all-ones and writes are
 * dropped, as on a bus where nobody listens; an access that touches such a port with any of its
 * bytes is refused as a whole.
 */
#ifndef HV_EMUL_PORTS_H
#define HV_EMUL_PORTS_H

#include "hv/vcpu.h"

/* Boot: no guest gets the ports `first` to `last`: the console's, say. */
void ports_deny(uint16_t first, uint16_t last);

/* `size` is 1, 2 or 4; the value has that many bytes. */
uint32_t guest_port_read(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size);
void guest_port_write(const struct hv_vcpu *vcpu, uint16_t port, unsigned int size, uint32_t value);

#endif
