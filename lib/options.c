/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/options.h"

#include "lib/string.h"

#define WORD_MAX 128 /* longer words are cut, and their values refused */

enum option_kind {
    OPTION_BOOL,    /* bool */
    OPTION_CHOICE,  /* enum option_choice */
    OPTION_FLUSH,   /* enum tlb_flush_mode */
    OPTION_LEVELS,  /* struct log_threshold */
    OPTION_CONSOLE, /* enum console_device */
    OPTION_SERIAL,  /* struct serial_settings */
    OPTION_MEMORY,  /* struct dom0_memory */
    OPTION_VCPUS,   /* struct dom0_vcpus */
    OPTION_SWITCH,  /* struct console_switch */
    OPTION_CONRING, /* uint64_t: bytes */
};

struct option {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of the field in struct hv_options */
};

#define FIELD(member) offsetof(struct hv_options, member)

static const struct option option_table[] = {
    {"com1", OPTION_SERIAL, FIELD(com1)},
    {"com2", OPTION_SERIAL, FIELD(com2)},
    {"com3", OPTION_SERIAL, FIELD(com3)},
    {"com4", OPTION_SERIAL, FIELD(com4)},
    {"conring_size", OPTION_CONRING, FIELD(conring_bytes)},
    {"console_to_ring", OPTION_BOOL, FIELD(console_to_ring)},
    {"conswitch", OPTION_SWITCH, FIELD(conswitch)},
    {"console", OPTION_CONSOLE, FIELD(console)},
    {"dom0_max_vcpus", OPTION_VCPUS, FIELD(dom0_vcpus)},
    {"dom0_mem", OPTION_MEMORY, FIELD(dom0_mem)},
    {"guest_loglvl", OPTION_LEVELS, FIELD(guest_loglvl)},
    {"loglvl", OPTION_LEVELS, FIELD(loglvl)},
    {"audit", OPTION_BOOL, FIELD(audit)},
    {"pv-linear-pt", OPTION_BOOL, FIELD(linear_pt)},
    {"noreboot", OPTION_BOOL, FIELD(noreboot)},
    {"pv-l1tf", OPTION_CHOICE, FIELD(pv_l1tf)},
    {"smap", OPTION_CHOICE, FIELD(smap)},
    {"smep", OPTION_CHOICE, FIELD(smep)},
    {"tlb-flush", OPTION_FLUSH, FIELD(tlb_flush)},
    {"xpti", OPTION_CHOICE, FIELD(xpti)},
};

static const struct hv_options option_defaults = {
    .console = CONSOLE_COM1,
    .com1 = {.data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 4, .io_base = 0x3f8},
    .com2 = {.data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 3, .io_base = 0x2f8},
    .com3 = {.data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 4, .io_base = 0x3e8},
    .com4 = {.data_bits = 8, .parity = 'n', .stop_bits = 1, .irq = 3, .io_base = 0x2e8},
    .conswitch = {.letter = 'a'},
    .conring_bytes = CONRING_MIN,
    .dom0_vcpus = {.min = 1, .max = DOM0_VCPUS_MAX},
    .loglvl = {.always = LOG_INFO, .limited = LOG_INFO},
    .guest_loglvl = {.always = LOG_ALWAYS, .limited = LOG_WARNING},
};

/* A part of the command line, not ended by a NUL. */
struct slice {
    const char *text;
    size_t length;
};

static struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static bool slice_is(struct slice slice, const char *word)
{
    return strlen(word) == slice.length && memcmp(slice.text, word, slice.length) == 0;
}

static bool slice_starts_with(struct slice slice, const char *prefix)
{
    size_t length = strlen(prefix);
    return slice.length >= length && memcmp(slice.text, prefix, length) == 0;
}

static struct slice slice_from(struct slice slice, size_t start)
{
    return (struct slice){slice.text + start, slice.length - start};
}

/* Where `c` is in `slice`; its length if nowhere. */
static size_t slice_find(struct slice slice, char c)
{
    size_t at = 0;
    while (at < slice.length && slice.text[at] != c) {
        at++;
    }
    return at;
}

/* Cut off and return what comes before the first `separator`, which goes too. */
static struct slice slice_cut(struct slice *rest, char separator)
{
    size_t end = slice_find(*rest, separator);
    struct slice first = {rest->text, end};
    *rest = slice_from(*rest, end < rest->length ? end + 1 : end);
    return first;
}

/* Copy to `word`, which holds WORD_MAX bytes, with a final NUL. */
static const char *slice_to_word(struct slice slice, char *word)
{
    size_t length = slice.length < WORD_MAX ? slice.length : WORD_MAX - 1;
    memcpy(word, slice.text, length);
    word[length] = '\0';
    return word;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- values ---------------------------------------------------------------------------------- */

static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned int)(c - '0');
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned int)(lower - 'a') + 10 : 16;
}

/* Cut a number, decimal or 0x hexadecimal, off the front. False: there is none, or it is too big.
 */
static bool cut_number(struct slice *slice, uint64_t *number)
{
    unsigned int base = 10;
    if (slice_starts_with(*slice, "0x") || slice_starts_with(*slice, "0X")) {
        base = 16;
        *slice = slice_from(*slice, 2);
    }
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < slice->length; digits++) {
        unsigned int digit = digit_value(slice->text[digits]);
        if (digit >= base) {
            break;
        }
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *slice = slice_from(*slice, digits);
    *number = value;
    return digits > 0;
}

/* The whole slice is a number up to `max`. */
static bool parse_number(struct slice value, uint64_t max, uint64_t *number)
{
    return cut_number(&value, number) && value.length == 0 && *number <= max;
}

static bool parse_bool(struct slice value, bool *result)
{
    static const char *const on[] = {"on", "yes", "true", "1", "enable"};
    static const char *const off[] = {"off", "no", "false", "0", "disable"};
    for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
        if (slice_is(value, on[i]) || slice_is(value, off[i])) {
            *result = slice_is(value, on[i]);
            return true;
        }
    }
    return false;
}

static bool parse_flush(struct slice value, enum tlb_flush_mode *mode)
{
    if (slice_is(value, "lazy")) {
        *mode = TLB_FLUSH_LAZY;
    } else if (slice_is(value, "always")) {
        *mode = TLB_FLUSH_ALWAYS;
    } else {
        return false;
    }
    return true;
}

static bool parse_level(struct slice value, enum log_level *level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"none", LOG_ALWAYS}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
        {"info", LOG_INFO},   {"debug", LOG_DEBUG}, {"all", LOG_DEBUG},
    };
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (slice_is(value, levels[i].name)) {
            *level = levels[i].level;
            return true;
        }
    }
    return false;
}

/* <level>[/<rate-limited level>]; alone, a level leaves nothing to limit. */
static bool parse_levels(struct slice value, struct log_threshold *threshold)
{
    bool has_second = slice_find(value, '/') < value.length;
    struct slice first = slice_cut(&value, '/');
    struct log_threshold parsed;
    if (!parse_level(first, &parsed.always)) {
        return false;
    }
    parsed.limited = parsed.always;
    if (has_second && !parse_level(value, &parsed.limited)) {
        return false;
    }
    if (parsed.limited < parsed.always) {
        parsed.limited = parsed.always;
    }
    *threshold = parsed;
    return true;
}

/* [-]<number>[B|K|M|G|T], without a suffix KiB. */
static bool parse_amount(struct slice value, struct memory_amount *amount)
{
    bool negative = slice_starts_with(value, "-");
    uint64_t number;
    struct slice suffix = slice_from(value, negative ? 1 : 0);
    if (!cut_number(&suffix, &number) || suffix.length > 1) {
        return false;
    }
    static const char letters[] = "bkmgt";
    unsigned int shift = 10;
    if (suffix.length == 1) {
        const char *letter = strchr(letters, suffix.text[0] | 0x20);
        if (letter == NULL || *letter == '\0') {
            return false;
        }
        shift = (unsigned int)(letter - letters) * 10;
    }
    if (number > UINT64_MAX >> shift) {
        return false;
    }
    *amount = (struct memory_amount){number << shift, .given = true, .negative = negative};
    return true;
}

/* <size>, rounded to a power of two that is not below it. */
static bool parse_conring(struct slice value, uint64_t *bytes)
{
    struct memory_amount amount;
    if (!parse_amount(value, &amount) || amount.negative || amount.bytes > CONRING_MAX) {
        return false;
    }
    uint64_t rounded = CONRING_MIN;
    while (rounded < amount.bytes) {
        rounded *= 2;
    }
    *bytes = rounded;
    return true;
}

/* <letter>[x]: with any other second character, or none, the input is the first domain's. */
static bool parse_switch(struct slice value, struct console_switch *parsed)
{
    if (value.length < 1 || value.length > 2 || value.text[0] < 'a' || value.text[0] > 'z') {
        return false;
    }
    parsed->letter = value.text[0];
    parsed->to_hypervisor = value.length == 2 && value.text[1] == 'x';
    return true;
}

/* <size>, min:<size> and max:<size> in any order, at least one. */
static bool parse_memory(struct slice value, struct dom0_memory *memory)
{
    struct dom0_memory parsed = {0};
    do {
        struct slice item = slice_cut(&value, ',');
        struct memory_amount *amount = &parsed.size;
        if (slice_starts_with(item, "min:")) {
            amount = &parsed.min;
            item = slice_from(item, 4);
        } else if (slice_starts_with(item, "max:")) {
            amount = &parsed.max;
            item = slice_from(item, 4);
        }
        if (!parse_amount(item, amount)) {
            return false;
        }
    } while (value.length > 0);
    *memory = parsed;
    return true;
}

/* <number> or <min>-[<max>] */
static bool parse_vcpus(struct slice value, struct dom0_vcpus *vcpus)
{
    bool is_range = slice_find(value, '-') < value.length;
    uint64_t min;
    uint64_t max = DOM0_VCPUS_MAX;
    if (!parse_number(slice_cut(&value, '-'), DOM0_VCPUS_MAX, &min) || min < 1 ||
        (value.length > 0 && !parse_number(value, DOM0_VCPUS_MAX, &max)) || max < min) {
        return false;
    }
    *vcpus =
        (struct dom0_vcpus){.min = (unsigned int)min, .max = (unsigned int)(is_range ? max : min)};
    return true;
}

/* Data bits, parity and stop bits, as in 8n1. */
static bool parse_framing(struct slice value, struct serial_settings *serial)
{
    if (value.length != 3 || value.text[0] < '5' || value.text[0] > '8' || value.text[1] == '\0' ||
        strchr("noems", value.text[1]) == NULL || value.text[2] < '1' || value.text[2] > '2') {
        return false;
    }
    serial->data_bits = (uint8_t)(value.text[0] - '0');
    serial->parity = value.text[1];
    serial->stop_bits = (uint8_t)(value.text[2] - '0');
    return true;
}

/* <baud>|auto[,<framing>[,<io base>[,<irq>]]]; an empty item keeps its default. */
static bool parse_serial(struct slice value, struct serial_settings *serial)
{
    struct serial_settings parsed = *serial;
    uint64_t number;
    struct slice baud = slice_cut(&value, ',');
    if (slice_is(baud, "auto")) {
        parsed.baud = 0;
    } else if (baud.length > 0) {
        if (!parse_number(baud, 115200, &number) || number < 2) {
            return false; /* the divisor has 16 bits */
        }
        parsed.baud = (uint32_t)number;
    }
    struct slice framing = slice_cut(&value, ',');
    if (framing.length > 0 && !parse_framing(framing, &parsed)) {
        return false;
    }
    struct slice io_base = slice_cut(&value, ',');
    if (io_base.length > 0) {
        if (!parse_number(io_base, 0xfff8, &number) || number == 0) {
            return false;
        }
        parsed.io_base = (uint16_t)number;
    }
    if (value.length > 0) {
        if (!parse_number(value, 15, &number)) {
            return false;
        }
        parsed.irq = (uint8_t)number;
    }
    *serial = parsed;
    return true;
}

/* ---- one option ------------------------------------------------------------------------------ */

/* A list, of which the first device that we have is used; each item we do not have is named. */
static void set_console(enum console_device *console, struct slice value,
                        options_complain_fn complain)
{
    enum console_device chosen = CONSOLE_NONE;
    bool any = false;
    do {
        struct slice item = slice_cut(&value, ',');
        enum console_device device = CONSOLE_NONE;
        unsigned int number;
        if (options_port_name(item.text, item.length, &number)) {
            device = (enum console_device)(CONSOLE_COM1 + number);
        } else if (!slice_is(item, "none")) {
            char word[WORD_MAX];
            complain("console", slice_to_word(item, word));
            continue;
        }
        any = true;
        if (chosen == CONSOLE_NONE) {
            chosen = device;
        }
    } while (value.length > 0);
    if (any) {
        *console = chosen;
    }
}

/* The text to read as a boolean: x is x=on. False for no-x=y, which says nothing clear. */
static bool decode_bool(struct slice value, bool has_value, bool negated, bool *result)
{
    if (negated && has_value) {
        return false;
    }
    if (!has_value) {
        *result = !negated;
        return true;
    }
    return parse_bool(value, result);
}

static bool set_value(void *field, enum option_kind kind, struct slice value,
                      options_complain_fn complain)
{
    switch (kind) {
    case OPTION_FLUSH:
        return parse_flush(value, field);
    case OPTION_LEVELS:
        return parse_levels(value, field);
    case OPTION_SERIAL:
        return parse_serial(value, field);
    case OPTION_MEMORY:
        return parse_memory(value, field);
    case OPTION_VCPUS:
        return parse_vcpus(value, field);
    case OPTION_SWITCH:
        return parse_switch(value, field);
    case OPTION_CONRING:
        return parse_conring(value, field);
    case OPTION_CONSOLE:
        set_console(field, value, complain);
        return true;
    case OPTION_BOOL:
    case OPTION_CHOICE:
        break;
    }
    return false;
}

static bool set_option(void *field, enum option_kind kind, struct slice value, bool has_value,
                       bool negated, options_complain_fn complain)
{
    bool on;
    if (kind == OPTION_BOOL || kind == OPTION_CHOICE) {
        if (!decode_bool(value, has_value, negated, &on)) {
            return false;
        }
        if (kind == OPTION_BOOL) {
            *(bool *)field = on;
        } else {
            *(enum option_choice *)field = on ? CHOICE_ON : CHOICE_OFF;
        }
        return true;
    }
    return has_value && !negated && set_value(field, kind, value, complain);
}

/* '-' and '_' are the same in a name. */
static bool name_matches(struct slice slice, const char *name)
{
    for (size_t i = 0; i < slice.length; i++) {
        char typed = slice.text[i] == '_' ? '-' : slice.text[i];
        char ours = name[i] == '_' ? '-' : name[i];
        if (typed != ours) {
            return false; /* also at the NUL that ends `name` */
        }
    }
    return name[slice.length] == '\0';
}

static const struct option *option_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(option_table); i++) {
        if (name_matches(name, option_table[i].name)) {
            return &option_table[i];
        }
    }
    return NULL;
}

static void parse_word(struct hv_options *options, struct slice word, options_complain_fn complain)
{
    struct slice value = word;
    struct slice name = slice_cut(&value, '=');
    bool has_value = name.length < word.length;
    bool negated = false;
    const struct option *option = option_find(name);
    if (option == NULL && slice_starts_with(name, "no-")) {
        negated = true;
        option = option_find(slice_from(name, 3));
    }

    char name_text[WORD_MAX];
    char value_text[WORD_MAX];
    if (option == NULL) {
        complain(slice_to_word(name, name_text), NULL);
        return;
    }
    void *field = (char *)options + option->offset;
    if (value.length >= WORD_MAX ||
        !set_option(field, option->kind, value, has_value, negated, complain)) {
        complain(slice_to_word(name, name_text), slice_to_word(value, value_text));
    }
}

/* QEMU and some boot loaders put the image's path before the options. */
static bool is_image_name(struct slice word)
{
    static const char image[] = "pinnace-hv";
    size_t length = sizeof(image) - 1;
    if (slice_find(word, '=') < word.length) {
        return false;
    }
    return slice_find(word, '/') < word.length ||
           (word.length >= length && slice_is(slice_from(word, word.length - length), image));
}

static struct slice cut_word(struct slice *rest)
{
    size_t start = 0;
    while (start < rest->length && is_space(rest->text[start])) {
        start++;
    }
    size_t end = start;
    while (end < rest->length && !is_space(rest->text[end])) {
        end++;
    }
    struct slice word = {rest->text + start, end - start};
    *rest = slice_from(*rest, end);
    return word;
}

void options_parse(struct hv_options *options, const char *command_line,
                   options_complain_fn complain)
{
    *options = option_defaults;
    struct slice rest = slice_of(command_line != NULL ? command_line : "");
    struct slice word = cut_word(&rest);
    if (is_image_name(word)) {
        word = cut_word(&rest);
    }
    for (; word.length > 0; word = cut_word(&rest)) {
        parse_word(options, word, complain);
    }
}

/* ---- serial ports ---------------------------------------------------------------------------- */

const struct serial_settings *options_serial(const struct hv_options *options, unsigned int number)
{
    switch (number) {
    case 0:
        return &options->com1;
    case 1:
        return &options->com2;
    case 2:
        return &options->com3;
    default:
        return &options->com4;
    }
}

bool options_console_port(const struct hv_options *options, unsigned int *number)
{
    if (options->console == CONSOLE_NONE) {
        return false;
    }
    *number = (unsigned int)(options->console - CONSOLE_COM1);
    return true;
}

bool options_port_name(const char *text, size_t length, unsigned int *number)
{
    if (length != 4 || memcmp(text, "com", 3) != 0 || text[3] < '1' || text[3] > '4') {
        return false;
    }
    *number = (unsigned int)(text[3] - '1');
    return true;
}

/* ---- the first domain --------------------------------------------------------------------------
 */

static uint64_t amount_of(struct memory_amount amount, uint64_t available, uint64_t otherwise)
{
    if (!amount.given) {
        return otherwise;
    }
    if (!amount.negative) {
        return amount.bytes;
    }
    return available > amount.bytes ? available - amount.bytes : 0;
}

uint64_t options_dom0_bytes(const struct dom0_memory *memory, uint64_t available)
{
    uint64_t bytes = amount_of(memory->size, available, available);
    bytes = max_u64(bytes, amount_of(memory->min, available, 0));
    bytes = min_u64(bytes, amount_of(memory->max, available, available));
    return round_down(min_u64(bytes, available), PAGE_SIZE);
}

unsigned int options_dom0_vcpus(const struct dom0_vcpus *vcpus, unsigned int cpus)
{
    return cpus < vcpus->min ? vcpus->min : cpus > vcpus->max ? vcpus->max : cpus;
}
