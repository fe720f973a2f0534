/* SPDX-License-Identifier: BSD-2-Clause */
/* The wall clock as guests see it: in shared_info. */
#ifndef HV_TIME_WALL_CLOCK_H
#define HV_TIME_WALL_CLOCK_H

struct hv_domain;

/* Tell a domain the time: when its shared_info is made, and when the time was set. */
void wall_clock_publish(struct hv_domain *domain);
void wall_clock_publish_all(void);

#endif
