/* SPDX-License-Identifier: BSD-2-Clause */
/* The section __xen_guest, which Mini-OS and other old kernels have in place of notes. */
#include "builder/kernel_notes.h"

enum legacy_kind { LEGACY_NUMBER, LEGACY_PAGE, LEGACY_TEXT };

struct legacy_key {
    const char *key;
    uint32_t type; /* the note that means the same */
    enum legacy_kind kind;
};

/* Keys not listed are of no use for a 64-bit kernel. */
static const struct legacy_key legacy_keys[] = {
    {"VIRT_ENTRY", XEN_ELFNOTE_ENTRY, LEGACY_NUMBER},
    {"HYPERCALL_PAGE", XEN_ELFNOTE_HYPERCALL_PAGE, LEGACY_PAGE},
    {"VIRT_BASE", XEN_ELFNOTE_VIRT_BASE, LEGACY_NUMBER},
    {"ELF_PADDR_OFFSET", XEN_ELFNOTE_PADDR_OFFSET, LEGACY_NUMBER},
    {"XEN_VER", XEN_ELFNOTE_XEN_VERSION, LEGACY_TEXT},
    {"GUEST_OS", XEN_ELFNOTE_GUEST_OS, LEGACY_TEXT},
    {"LOADER", XEN_ELFNOTE_LOADER, LEGACY_TEXT},
    {"FEATURES", XEN_ELFNOTE_FEATURES, LEGACY_TEXT},
};

/* Take what is before `separator` off `text`, and the separator with it. */
static struct elf_bytes text_take(struct elf_bytes *text, char separator)
{
    struct elf_bytes part = {.start = text->start, .size = 0};
    while (part.size < text->size && part.start[part.size] != (uint8_t)separator) {
        part.size++;
    }
    size_t used = min_u64(part.size + 1, text->size);
    text->start += used;
    text->size -= used;
    return part;
}

/* The value of a digit; 16 or more if it is none. */
static unsigned digit_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - (unsigned)'0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - (unsigned)'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - (unsigned)'A' + 10;
    }
    return 16;
}

/* Hexadecimal with 0x before it, else decimal. */
static bool number_parse(struct elf_bytes text, uint64_t *number)
{
    unsigned base = 10;
    if (elf_text_begins(text, "0x") || elf_text_begins(text, "0X")) {
        base = 16;
        text.start += 2;
        text.size -= 2;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = digit_value(text.start[i]);
        if (digit >= base || value > (UINT64_MAX - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    *number = value;
    return text.size > 0;
}

static enum build_status legacy_enter(const struct legacy_key *key, struct elf_bytes value,
                                      struct kernel_notes *notes, struct build_detail *detail)
{
    if (key->kind == LEGACY_TEXT) {
        return kernel_notes_set_text(notes, key->type, value, detail);
    }
    uint64_t number;
    if (!number_parse(value, &number) ||
        (key->kind == LEGACY_PAGE && number > UINT64_MAX >> PAGE_SHIFT)) {
        return build_refuse(detail, BUILD_LEGACY_NUMBER, key->type, 0);
    }
    if (key->kind == LEGACY_PAGE) {
        number <<= PAGE_SHIFT;
    }
    return kernel_notes_set_number(notes, key->type, number, detail);
}

static enum build_status legacy_scan(struct elf_bytes text, struct kernel_notes *notes,
                                     struct build_detail *detail)
{
    enum build_status status = BUILD_OK;
    while (text.size > 0 && status == BUILD_OK) {
        struct elf_bytes value = text_take(&text, ',');
        struct elf_bytes key = text_take(&value, '=');
        for (size_t i = 0; i < ARRAY_SIZE(legacy_keys) && status == BUILD_OK; i++) {
            if (elf_text_equals(key, legacy_keys[i].key)) {
                status = legacy_enter(&legacy_keys[i], value, notes, detail);
            }
        }
    }
    return status;
}

enum build_status kernel_legacy_read(struct elf_bytes text, struct kernel_notes *notes,
                                     struct build_detail *detail)
{
    enum build_status status = legacy_scan(text, notes, detail);
    if (status != BUILD_OK) {
        return status;
    }
    /* Two meanings differ from the notes': the hypercall page is counted from VIRT_BASE, and
     * physical addresses begin at VIRT_BASE unless the kernel says otherwise. */
    notes->number[XEN_ELFNOTE_HYPERCALL_PAGE] += notes->number[XEN_ELFNOTE_VIRT_BASE];
    if (kernel_notes_have(notes, XEN_ELFNOTE_VIRT_BASE) &&
        !kernel_notes_have(notes, XEN_ELFNOTE_PADDR_OFFSET)) {
        status = kernel_notes_set_number(notes, XEN_ELFNOTE_PADDR_OFFSET,
                                         notes->number[XEN_ELFNOTE_VIRT_BASE], detail);
    }
    return status;
}
