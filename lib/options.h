/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's command line, in Xen's spelling. Pure: no hardware, no allocation.
 *
 *     console=com1|..|com4|none[,...]      com1=<baud>|auto[,8n1[,<io base>[,<irq>]]], .. com4=
 *     conring_size=<size>                  conswitch=<letter>[x]
 *     console_to_ring
 *     dom0_max_vcpus=<number>|<min>-[<max>]
 *     dom0_mem=<size>[,min:<size>][,max:<size>]
 *     loglvl=<level>[/<rate-limited level>]        guest_loglvl=...
 *     audit   noreboot   smap   smep   xpti   pv-l1tf       booleans: x, no-x, x=on, x=off
 *     pv-linear-pt                                          the same
 *     tlb-flush=lazy|always
 *
 * '-' and '_' are the same in a name. Of an option given twice the last one counts.
 */
#ifndef LIB_OPTIONS_H
#define LIB_OPTIONS_H

#include "lib/log_level.h"
#include "lib/compiler.h"

/* A boolean whose default depends on the machine. */
enum option_choice { CHOICE_DEFAULT, CHOICE_OFF, CHOICE_ON };

enum tlb_flush_mode {
    TLB_FLUSH_LAZY,   /* skip what the flush clock shows to be needless */
    TLB_FLUSH_ALWAYS, /* flush at every change that could need it, for tests to compare with */
};

enum console_device { CONSOLE_NONE, CONSOLE_COM1, CONSOLE_COM2, CONSOLE_COM3, CONSOLE_COM4 };

#define SERIAL_PORT_LIMIT 4U /* com1 to com4 */

#define CONRING_MIN (UINT64_C(16) << 10)
#define CONRING_MAX (UINT64_C(64) << 20)

struct serial_settings {
    uint32_t baud;     /* bits a second; 0: as the firmware left it */
    uint8_t data_bits; /* 5 to 8 */
    char parity;       /* 'n'one, 'o'dd, 'e'ven, 'm'ark, 's'pace */
    uint8_t stop_bits; /* 1 or 2 */
    uint8_t irq;       /* ISA interrupt; 0: none, poll */
    uint16_t io_base;
};

/* Bytes; negative: all there is but this many. */
struct memory_amount {
    uint64_t bytes;
    bool given;
    bool negative;
};

struct dom0_memory {
    struct memory_amount size;
    struct memory_amount min;
    struct memory_amount max;
};

/* As many vCPUs as the machine has CPUs, but no fewer or more than these. */
#define DOM0_VCPUS_MAX 32U /* as many as shared_info has room for */
struct dom0_vcpus {
    unsigned int min; /* 1 .. max */
    unsigned int max; /* .. DOM0_VCPUS_MAX */
};

/* How the serial input is switched. */
struct console_switch {
    char letter;        /* 'a' to 'z': three times Ctrl and this */
    bool to_hypervisor; /* the input is the hypervisor's at first */
};

struct hv_options {
    enum console_device console;
    struct serial_settings com1;
    struct serial_settings com2;
    struct serial_settings com3;
    struct serial_settings com4;
    struct console_switch conswitch;
    uint64_t conring_bytes; /* a power of two from CONRING_MIN to CONRING_MAX */
    bool console_to_ring;   /* the first domain's raw output is kept there too */
    struct dom0_vcpus dom0_vcpus;
    struct dom0_memory dom0_mem;
    struct log_threshold loglvl;
    struct log_threshold guest_loglvl;
    bool audit;     /* audit the machine and print the result before it goes down */
    bool linear_pt; /* entries may name page tables of their own level */
    bool noreboot;
    enum option_choice smap;
    enum option_choice smep;
    enum option_choice xpti;
    enum option_choice pv_l1tf;
    enum tlb_flush_mode tlb_flush;
};

/* Told of each option that is unknown (`value` NULL) or has a value we cannot use. The strings
 * live until it returns, and are cut if very long. */
typedef void (*options_complain_fn)(const char *parameter, const char *value);

/*
 * Set every field: defaults first, then the command line (NULL is empty). What is complained of
 * changes nothing, except that the good items of a list count. The first word is taken for the
 * image's file name, and passed over, if it has no '=' and contains '/' or ends in "pinnace-hv".
 */
void options_parse(struct hv_options *options, const char *command_line,
                   options_complain_fn complain);

/* The settings of serial port `number`, com1 being 0. It is below SERIAL_PORT_LIMIT. */
const struct serial_settings *options_serial(const struct hv_options *options, unsigned int number);

/* Is a serial port the console? Then `*number` says which. */
bool options_console_port(const struct hv_options *options, unsigned int *number);

/* Is this the name of a serial port, "com1" to "com4"? Then `*number` says which. */
bool options_port_name(const char *text, size_t length, unsigned int *number);

/*
 * How many bytes the first domain gets of `available`: the size asked for (all, if none was),
 * raised to min, lowered to max, and never more than there is. Rounded down to whole frames.
 */
uint64_t options_dom0_bytes(const struct dom0_memory *memory, uint64_t available);

/* How many vCPUs the first domain gets on a machine with so many CPUs. */
unsigned int options_dom0_vcpus(const struct dom0_vcpus *vcpus, unsigned int cpus);

#endif
