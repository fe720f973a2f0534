/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl: what the machine has: one CPU, in one node, in one pool. 0, or a negative error. */
#ifndef HV_CONTROL_MACHINE_INFO_H
#define HV_CONTROL_MACHINE_INFO_H

struct xen_sysctl;

int sysctl_physinfo(struct xen_sysctl *op);
int sysctl_getcpuinfo(struct xen_sysctl *op);
int sysctl_availheap(struct xen_sysctl *op);
int sysctl_cputopoinfo(struct xen_sysctl *op);
int sysctl_numainfo(struct xen_sysctl *op);
int sysctl_cpupool_op(struct xen_sysctl *op);
int sysctl_scheduler_op(struct xen_sysctl *op);
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op);

#endif
