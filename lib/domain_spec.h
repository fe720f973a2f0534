/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A domain in one line: KEY=VALUE,KEY=VALUE,... with the keys of xl's configuration files, for
 * `pinnace run --domain` and for the text of a boot module.
 *
 *     name=NAME       a letter, then letters, digits, '_', '-' and '.', at most 31 in all; required
 *     memory=SIZE     in MiB, or with K, M or G behind it
 *     vcpus=N         from 1 on
 *     extra=TEXT      kernel options
 *     kernel=FILE     on the host only: a boot module is the file itself
 *     ramdisk=FILE    likewise
 *     serial=DEVICE   on the host only: a serial port of its own, as QEMU's -serial has it
 *     console=comN    in a boot module only: which of the machine's serial ports is its own
 *
 * A value goes up to the next comma, or, if it begins with a quotation mark of either kind, up to
 * the next such mark. A backslash makes the character behind it an ordinary one. Pure: no
 * allocation; values stay in the text, which is changed.
 */
#ifndef LIB_DOMAIN_SPEC_H
#define LIB_DOMAIN_SPEC_H

#include "lib/compiler.h"

#define DOMAIN_NAME_MAX         31U
#define DOMAIN_MEMORY_KIB_MIN   (UINT64_C(1) << 10)
#define DOMAIN_MEMORY_KIB_MAX   (UINT64_C(1) << 30)
#define DOMAIN_MEMORY_KIB_USUAL (UINT64_C(128) << 10) /* without the key */
#define DOMAIN_SERIAL_PORTS     4U                    /* com1 to com4 */
#define DOMAIN_PROBLEM_SIZE     256U

enum domain_key {
    DOMAIN_KEY_NAME,
    DOMAIN_KEY_MEMORY,
    DOMAIN_KEY_VCPUS,
    DOMAIN_KEY_EXTRA,
    DOMAIN_KEY_KERNEL,
    DOMAIN_KEY_RAMDISK,
    DOMAIN_KEY_SERIAL,
    DOMAIN_KEY_CONSOLE,
    DOMAIN_KEY_COUNT,
};

/* Who reads: not every key means something everywhere. */
enum domain_spec_place {
    DOMAIN_SPEC_ON_HOST,
    DOMAIN_SPEC_IN_MODULE,
};

/* Texts of keys that were not given are NULL; the numbers are then the usual ones. */
struct domain_spec {
    const char *name;
    const char *extra;
    const char *kernel;
    const char *ramdisk;
    const char *serial;
    uint64_t memory_kib;
    unsigned int vcpus;
    unsigned int console; /* N of comN; 0: none of its own */
    uint32_t given;       /* bit n: enum domain_key n */
};

/* What is wrong with a text, as the rest of a sentence that begins with the text's place. */
struct domain_problem {
    char text[DOMAIN_PROBLEM_SIZE];
};

/* Read `text`, which ends up in pieces that the spec points to. False: `problem` names the key and
 * the value. */
NODISCARD bool domain_spec_parse(struct domain_spec *spec, char *text, enum domain_spec_place place,
                                 struct domain_problem *problem);

/* Write what the spec says, for a boot module, so that parsing it there gives the same. At most
 * `size` bytes with the final NUL; the result is the whole text's length (as of format_text()). */
size_t domain_spec_format(const struct domain_spec *spec, char *buffer, size_t size);

/* Is this a name a domain may have? */
NODISCARD bool domain_name_is_valid(const char *name);

/*
 * Cut the next word off a module's text: up to a space that is not in a quoted value. A word that
 * is quoted as a whole, as GRUB does it to words with spaces, loses these quotation marks. NULL:
 * no word is left, or `problem` (else empty) says what is wrong.
 */
char *domain_word_cut(char **rest, struct domain_problem *problem);

#endif
