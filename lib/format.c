/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/format.h"

#include "lib/string.h"

struct output {
    char *buffer;
    size_t size;
    size_t length;
};

struct spec {
    bool left;
    bool zero;
    bool alternate;
    size_t width;
    size_t precision; /* SIZE_MAX: none given */
    unsigned int longs;
};

static void put_char(struct output *output, char c)
{
    if (output->length + 1 < output->size) {
        output->buffer[output->length] = c;
    }
    output->length++;
}

static void put_fill(struct output *output, char c, size_t count)
{
    while (count-- > 0) {
        put_char(output, c);
    }
}

static void put_padded(struct output *output, const struct spec *spec, const char *prefix,
                       const char *text, size_t length)
{
    size_t prefix_length = strlen(prefix);
    size_t used = prefix_length + length;
    size_t padding = spec->width > used ? spec->width - used : 0;
    if (!spec->left && !spec->zero) {
        put_fill(output, ' ', padding);
    }
    for (size_t i = 0; i < prefix_length; i++) {
        put_char(output, prefix[i]);
    }
    if (!spec->left && spec->zero) {
        put_fill(output, '0', padding);
    }
    for (size_t i = 0; i < length; i++) {
        put_char(output, text[i]);
    }
    if (spec->left) {
        put_fill(output, ' ', padding);
    }
}

static void put_number(struct output *output, const struct spec *spec, const char *prefix,
                       uint64_t value, unsigned int base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    size_t start = sizeof(text);
    do {
        text[--start] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_padded(output, spec, prefix, text + start, sizeof(text) - start);
}

static void put_signed(struct output *output, const struct spec *spec, int64_t value)
{
    bool negative = value < 0;
    uint64_t magnitude = negative ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    put_number(output, spec, negative ? "-" : "", magnitude, 10, false);
}

static size_t parse_number(const char **format)
{
    size_t value = 0;
    while (**format >= '0' && **format <= '9') {
        value = value * 10 + (size_t)(**format - '0');
        (*format)++;
    }
    return value;
}

static struct spec parse_spec(const char **format)
{
    struct spec spec = {.precision = SIZE_MAX};
    for (bool flags = true; flags;) {
        switch (**format) {
        case '-':
            spec.left = true;
            break;
        case '0':
            spec.zero = true;
            break;
        case '#':
            spec.alternate = true;
            break;
        default:
            flags = false;
            continue;
        }
        (*format)++;
    }
    spec.width = parse_number(format);
    if (**format == '.') {
        (*format)++;
        spec.precision = parse_number(format);
    }
    for (;; (*format)++) {
        if (**format == 'l' || **format == 'z') {
            spec.longs++;
        } else if (**format != 'h') {
            return spec;
        }
    }
}

size_t format_text_v(char *buffer, size_t size, const char *format, va_list arguments)
{
    struct output output = {.buffer = buffer, .size = size};
    while (*format != '\0') {
        if (*format != '%') {
            put_char(&output, *format++);
            continue;
        }
        format++;
        struct spec spec = parse_spec(&format);
        char conversion = *format;
        if (conversion != '\0') {
            format++;
        }
        switch (conversion) {
        case 'd':
        case 'i':
            put_signed(&output, &spec,
                       spec.longs > 0 ? va_arg(arguments, long) : va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
        case 'X': {
            uint64_t value =
                spec.longs > 0 ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned int);
            const char *prefix = spec.alternate && conversion != 'u' ? "0x" : "";
            put_number(&output, &spec, prefix, value, conversion == 'u' ? 10 : 16,
                       conversion == 'X');
            break;
        }
        case 'p':
            put_number(&output, &spec, "0x", (uint64_t)(uintptr_t)va_arg(arguments, void *), 16,
                       false);
            break;
        case 'c': {
            char c = (char)va_arg(arguments, int);
            put_padded(&output, &spec, "", &c, 1);
            break;
        }
        case 's': {
            const char *text = va_arg(arguments, const char *);
            if (text == NULL) {
                text = "(null)";
            }
            put_padded(&output, &spec, "", text, strnlen(text, spec.precision));
            break;
        }
        case '%':
            put_char(&output, '%');
            break;
        default:
            put_char(&output, '%');
            if (conversion != '\0') {
                put_char(&output, conversion);
            }
            break;
        }
    }
    if (size > 0) {
        buffer[output.length < size ? output.length : size - 1] = '\0';
    }
    return output.length;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_text_v(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
