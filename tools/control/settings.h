/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The syntax of xl's configuration files (xl.cfg(5)): settings KEY = VALUE or KEY += VALUE, each
 * ended by the end of the line or a semicolon, and comments from # on. A value is a number or a
 * text in single or double quotes, with backslash escapes.
 *
 * libxlutil reads the same, but does not tell which keys a file has, and so nobody can say that
 * one is not known.
 */
#ifndef TOOLS_CONTROL_SETTINGS_H
#define TOOLS_CONTROL_SETTINGS_H

#include "lib/compiler.h"
#include "tools/reason.h"

#define SETTING_KEY_MAX   63
#define SETTING_VALUE_MAX 4095

struct setting {
    char key[SETTING_KEY_MAX + 1];
    char value[SETTING_VALUE_MAX + 1]; /* without quotes and escapes */
    bool is_list;                      /* the value is a list; it has not been read */
    bool adds;                         /* += */
    unsigned int line;
};

/* What is still to be read: start with the whole text and line 1. */
struct settings {
    const char *next;
    const char *end;
    unsigned int line;
};

enum settings_step {
    SETTINGS_NEXT,  /* there is one */
    SETTINGS_END,   /* there are no more */
    SETTINGS_WRONG, /* `reason` says why, beginning with "line N: "; nothing can follow */
};

/* Read one setting. After a list nothing can follow either. */
enum settings_step settings_read(struct settings *settings, struct setting *setting,
                                 struct reason *reason);

#endif
