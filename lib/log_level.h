/* SPDX-License-Identifier: BSD-2-Clause */
/* How much a message matters. */
#ifndef LIB_LOG_LEVEL_H
#define LIB_LOG_LEVEL_H

/* In order: a threshold lets through its own level and all before it. As a threshold, LOG_ALWAYS
 * is the option value "none". */
enum log_level { LOG_ALWAYS, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Messages up to `always` are printed, up to `limited` at a limited rate, others not at all.
 * always <= limited. */
struct log_threshold {
    enum log_level always;
    enum log_level limited;
};

#endif
