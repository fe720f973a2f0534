/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/guest_output.h"

#include <string.h>

static const char hypervisor_tag[6] = {'(', 'P', 'I', 'N', ')', ' '};

void text_search_line_start(struct text_search *search)
{
    search->matched = 0;
}

/* The longest part of the text's beginning, shorter than what is matched, that `byte` goes on. */
static size_t fall_back(const struct text_search *search, uint8_t byte)
{
    for (size_t length = search->matched; length > 0; length--) {
        size_t kept = length - 1;
        if ((uint8_t)search->text[kept] == byte &&
            memcmp(search->text, search->text + search->matched - kept, kept) == 0) {
            return length;
        }
    }
    return 0;
}

void text_search_byte(struct text_search *search, uint8_t byte)
{
    if (search->text == NULL || search->found) {
        return;
    }
    if ((uint8_t)search->text[search->matched] == byte) {
        search->matched++;
    } else {
        search->matched = fall_back(search, byte);
    }
    search->found = search->text[search->matched] == '\0';
}

void guest_output_begin(struct guest_output *output, const char *expected)
{
    *output = (struct guest_output){
        .expected.text = expected,
        .early_console.text = "bootconsole [xenboot0] enabled",
        .console.text = "console [hvc0] enabled",
    };
}

static void take_guest_byte(struct guest_output *output, uint8_t byte)
{
    output->spoke = output->spoke || byte > ' ';
    text_search_byte(&output->expected, byte);
    text_search_byte(&output->early_console, byte);
    text_search_byte(&output->console, byte);
}

/* It is clear whose line this is: if the guest's, then so is its beginning. */
static void decide_line(struct guest_output *output, bool is_guests)
{
    output->line_decided = true;
    output->line_is_guests = is_guests;
    for (size_t i = 0; is_guests && i < output->head_size; i++) {
        take_guest_byte(output, (uint8_t)output->head[i]);
    }
}

static void end_line(struct guest_output *output)
{
    output->head_size = 0;
    output->line_decided = false;
    text_search_line_start(&output->expected);
    text_search_line_start(&output->early_console);
    text_search_line_start(&output->console);
}

static void take_byte(struct guest_output *output, uint8_t byte)
{
    if (output->line_decided) {
        if (output->line_is_guests) {
            take_guest_byte(output, byte);
        }
        return;
    }
    output->head[output->head_size++] = (char)byte;
    if (output->head[output->head_size - 1] != hypervisor_tag[output->head_size - 1]) {
        decide_line(output, true);
    } else if (output->head_size == sizeof(hypervisor_tag)) {
        decide_line(output, false);
    }
}

void guest_output_scan(struct guest_output *output, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            if (!output->line_decided) {
                decide_line(output, true);
            }
            end_line(output);
        } else {
            take_byte(output, bytes[i]);
        }
    }
}

bool guest_output_console_missing(const struct guest_output *output)
{
    return output->early_console.found && !output->console.found;
}
