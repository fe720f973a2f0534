/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/console/console.h"

#include "hv/console/conring.h"
#include "hv/console/input.h"
#include "hv/console/rate_limit.h"
#include "hv/console/serial.h"
#include "hv/cpu/msr.h"
#include "hv/time/time.h"
#include "lib/format.h"
#include "lib/string.h"

#define MESSAGE_MAX 400
#define PREFIX_MAX  24
#define EARLY_SIZE  4096
#define GUEST_CHUNK 32 /* bytes of guest output under one hold of the lock: each may end a line */
#define NO_PREFIX   ""

/* All but the first three: the lock. */
static struct {
    bool lock;
    bool panicking;
    bool open; /* console_init() was called */
    struct log_threshold loglvl;
    struct log_threshold guest_loglvl;
    struct rate_limit limit;
    struct rate_limit guest_limit;
    struct console_line line;
    struct serial_port *port; /* where the line goes; NULL: nowhere */
    struct conring ring;      /* what the line showed, but for the first domain's output: */
    bool first_to_ring;       /* that too */
    bool keeping;             /* what is emitted now goes to the ring */
} console;

static char first_ring[CONRING_MIN];

/* Messages from before console_init(): for each its level, its text and a NUL. */
static struct {
    size_t used;
    uint32_t lost;
    char bytes[EARLY_SIZE];
} early;

/* ---- the lock -------------------------------------------------------------------------------- */

static uint64_t console_lock(void)
{
    uint64_t flags = irq_save();
    while (__atomic_test_and_set(&console.lock, __ATOMIC_ACQUIRE) &&
           !__atomic_load_n(&console.panicking, __ATOMIC_RELAXED)) {
        cpu_pause();
    }
    return flags;
}

static void console_unlock(uint64_t flags)
{
    __atomic_clear(&console.lock, __ATOMIC_RELEASE);
    irq_restore(flags);
}

void console_enter_panic(void)
{
    __atomic_store_n(&console.panicking, true, __ATOMIC_RELAXED);
}

/* ---- the wire and the ring ------------------------------------------------------------------- */

/* In the ring a line ends with '\n' alone, and what separates the lines that are kept from those
 * that are not is left out. */
static void keep(char byte)
{
    struct conring *ring = &console.ring;
    bool is_empty_line = byte == '\n' && conring_last(ring, '\n') == '\n';
    if (byte != '\r' && (!is_empty_line || console.first_to_ring)) {
        conring_put(ring, byte);
    }
}

static void emit(void *to, const char *bytes, size_t length)
{
    (void)to;
    if (console.port != NULL) {
        serial_write(console.port, bytes, length);
    }
    for (size_t i = 0; i < length && console.keeping; i++) {
        keep(bytes[i]);
    }
}

static void emit_to_port(void *to, const char *bytes, size_t length)
{
    serial_write(to, bytes, length);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void early_keep(enum log_level level, const char *text)
{
    size_t size = 1 + strlen(text) + 1;
    if (size > EARLY_SIZE - early.used) {
        early.lost++;
        return;
    }
    early.bytes[early.used] = (char)level;
    memcpy(early.bytes + early.used + 1, text, size - 1);
    early.used += size;
}

/* Before the options are known every message is kept; they decide when it is printed. */
static void early_print(void)
{
    size_t at = 0;
    while (at < early.used) {
        enum log_level level = (enum log_level)early.bytes[at];
        const char *text = early.bytes + at + 1;
        if (level <= console.loglvl.limited) {
            console_line_write_message(&console.line, NO_PREFIX, text);
        }
        at += 1 + strlen(text) + 1;
    }
    if (early.lost > 0) {
        char text[64];
        format_text(text, sizeof(text), "%u early messages lost", early.lost);
        console_line_write_message(&console.line, NO_PREFIX, text);
    }
    early.used = 0;
    early.lost = 0;
}

/*
 * May a message be printed now? Asked before the message is formatted, so that a flood costs
 * little. If so, `*suppressed` is how many before it were not, and not reported.
 */
static bool message_admit(enum log_level level, const struct log_threshold *threshold,
                          struct rate_limit *limit, uint32_t *suppressed)
{
    *suppressed = 0;
    uint64_t flags = console_lock();
    bool admitted = level <= threshold->always;
    if (!admitted && level <= threshold->limited) {
        admitted = rate_limit_allow(limit, time_now_ns(), suppressed);
    }
    console_unlock(flags);
    return admitted;
}

static void message_print(uint32_t suppressed, const char *prefix, const char *text)
{
    char note[48];
    format_text(note, sizeof(note), "%u messages suppressed", suppressed);
    uint64_t flags = console_lock();
    if (suppressed > 0) {
        console_line_write_message(&console.line, NO_PREFIX, note);
    }
    console_line_write_message(&console.line, prefix, text);
    console_unlock(flags);
}

/* Keep the message for console_init(), which knows the options that decide whether to print it. */
static void message_keep(enum log_level level, const char *text)
{
    uint64_t flags = console_lock();
    early_keep(level, text);
    console_unlock(flags);
}

static bool console_is_open(void)
{
    return __atomic_load_n(&console.open, __ATOMIC_ACQUIRE);
}

void console_log_v(enum log_level level, const char *format, va_list arguments)
{
    bool is_open = console_is_open();
    uint32_t suppressed = 0;
    if (is_open && !message_admit(level, &console.loglvl, &console.limit, &suppressed)) {
        return;
    }
    char text[MESSAGE_MAX];
    format_text_v(text, sizeof(text), format, arguments);
    if (is_open) {
        message_print(suppressed, NO_PREFIX, text);
    } else {
        message_keep(level, text);
    }
}

void console_log(enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    console_log_v(level, format, arguments);
    va_end(arguments);
}

bool console_shows_guest(enum log_level level)
{
    return console_is_open() &&
           (level <= console.guest_loglvl.always || level <= console.guest_loglvl.limited);
}

void console_log_guest(uint16_t domid, uint32_t vcpu_id, enum log_level level, const char *format,
                       ...)
{
    uint32_t suppressed;
    if (!console_is_open() ||
        !message_admit(level, &console.guest_loglvl, &console.guest_limit, &suppressed)) {
        return;
    }
    char prefix[PREFIX_MAX];
    char text[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    format_text_v(text, sizeof(text), format, arguments);
    va_end(arguments);
    format_text(prefix, sizeof(prefix), "d%uv%u ", domid, vcpu_id);
    message_print(suppressed, prefix, text);
}

/* ---- guests' output -------------------------------------------------------------------------- */

/* Where a guest's text goes. */
struct guest_stream {
    struct console_line *own; /* a port of its own, or */
    struct guest_line *line;  /* tagged lines on the shared one, or, with both NULL, raw there */
    uint16_t domid;
    bool live;
};

static void write_first(const char *text, size_t length)
{
    console_line_end_open(&console.line);
    console.keeping = console.first_to_ring;
    console_line_write_guest(&console.line, text, length);
    console.keeping = true;
}

static void write_chunk(const struct guest_stream *stream, const char *text, size_t length)
{
    if (stream->own != NULL) {
        console_line_write_raw(stream->own, text, length);
    } else if (stream->line != NULL) {
        console_line_write_tagged(&console.line, stream->line, stream->domid, text, length,
                                  stream->live);
    } else {
        write_first(text, length);
    }
}

/* On a real port a byte takes up to a tenth of a millisecond: let interrupts in between. */
static void write_guest(const struct guest_stream *stream, const char *text, size_t length)
{
    if (!console_is_open()) {
        return;
    }
    while (length > 0) {
        size_t chunk = min_u64(length, GUEST_CHUNK);
        uint64_t flags = console_lock();
        write_chunk(stream, text, chunk);
        console_unlock(flags);
        text += chunk;
        length -= chunk;
    }
}

void console_write_first(const char *text, size_t length)
{
    write_guest(&(struct guest_stream){.own = NULL}, text, length);
}

void console_write_tagged(struct guest_line *line, uint16_t domid, const char *text, size_t length)
{
    const struct guest_stream stream = {
        .line = line, .domid = domid, .live = input_owner() == domid};
    write_guest(&stream, text, length);
}

void console_open_stream(struct console_line *stream, struct serial_port *port)
{
    console_line_init(stream, emit_to_port, port);
}

void console_write_own(struct console_line *stream, const char *text, size_t length)
{
    write_guest(&(struct guest_stream){.own = stream}, text, length);
}

void console_show_line(struct guest_line *line, uint16_t domid)
{
    uint64_t flags = console_lock();
    console_line_show(&console.line, line, domid);
    console_unlock(flags);
}

void console_finish_line(struct guest_line *line, uint16_t domid)
{
    uint64_t flags = console_lock();
    console_line_finish(&console.line, line, domid);
    console_unlock(flags);
}

/* ---- what was printed ------------------------------------------------------------------------ */

size_t console_ring_read(char *to, size_t size, uint32_t *index)
{
    uint64_t flags = console_lock();
    size_t count = conring_read(&console.ring, index, to, size);
    console_unlock(flags);
    return count;
}

uint32_t console_ring_oldest(void)
{
    uint64_t flags = console_lock();
    uint32_t oldest = conring_oldest(&console.ring);
    console_unlock(flags);
    return oldest;
}

void console_ring_forget(uint32_t index)
{
    uint64_t flags = console_lock();
    conring_forget(&console.ring, index);
    console_unlock(flags);
}

void console_ring_move(char *bytes, uint32_t size)
{
    uint64_t flags = console_lock();
    conring_move(&console.ring, bytes, size);
    console_unlock(flags);
}

/* ---- opening --------------------------------------------------------------------------------- */

bool console_init(const struct hv_options *options)
{
    unsigned int number;
    bool wanted = options_console_port(options, &number);
    struct serial_port *port = wanted ? serial_find(number, options_serial(options, number)) : NULL;
    input_init(options, port);
    if (port != NULL) {
        serial_start(port);
    }
    uint64_t flags = console_lock();
    console.loglvl = options->loglvl;
    console.guest_loglvl = options->guest_loglvl;
    console.port = port;
    conring_init(&console.ring, first_ring, sizeof(first_ring));
    console.first_to_ring = options->console_to_ring;
    console.keeping = true;
    console_line_init(&console.line, emit, NULL);
    early_print();
    __atomic_store_n(&console.open, true, __ATOMIC_RELEASE);
    console_unlock(flags);
    return port != NULL || !wanted;
}
