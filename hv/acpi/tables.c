/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/acpi/tables.h"

#include "lib/string.h"

/* Section numbers are those of ACPI 6.4. Offsets are from the start of the table. */

#define RSDP_SIGNATURE "RSD PTR "
#define RSDP_SIZE_1    20 /* revision 0: up to the RSDT's address */
#define RSDP_SIZE_2    36
#define RSDP_SIZE_MAX  256
#define RSDP_ALIGNMENT 16

#define HEADER_SIZE      36 /* 5.2.6 */
#define ROOT_ENTRIES_MAX 512

/* A table, mapped whole and with a good checksum, until the next call of the map callback. */
struct table {
    const uint8_t *bytes;
    size_t length;
};

/* Little-endian and at any alignment. */
static uint64_t get_bytes(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = count; i > 0; i--) {
        value = (value << 8) | bytes[i - 1];
    }
    return value;
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)get_bytes(bytes, 4);
}

/* A field of `count` bytes; 0 if the table is too short (older) to have it. */
static uint64_t table_field(const struct table *table, size_t offset, size_t count)
{
    if (offset > table->length || table->length - offset < count) {
        return 0;
    }
    return get_bytes(table->bytes + offset, count);
}

static bool checksum_is_good(const uint8_t *bytes, size_t length)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

static const uint8_t *map_bytes(acpi_map_fn map, uint64_t physical, size_t size)
{
    if (physical == 0 || physical > UINT64_MAX - size) {
        return NULL;
    }
    return map(physical, size);
}

static bool table_open(struct table *table, acpi_map_fn map, uint64_t physical,
                       const char *signature)
{
    const uint8_t *header = map_bytes(map, physical, HEADER_SIZE);
    if (header == NULL || memcmp(header, signature, 4) != 0) {
        return false;
    }
    table->length = get_u32(header + 4);
    if (table->length < HEADER_SIZE || table->length > ACPI_TABLE_MAX) {
        return false;
    }
    table->bytes = map_bytes(map, physical, table->length);
    return table->bytes != NULL && checksum_is_good(table->bytes, table->length);
}

/* ---- RSDP (5.2.5) ---------------------------------------------------------------------------- */

struct roots {
    uint64_t rsdt; /* 0: none */
    uint64_t xsdt;
};

static bool rsdp_read(acpi_map_fn map, uint64_t physical, struct roots *roots)
{
    const uint8_t *rsdp = map_bytes(map, physical, RSDP_SIZE_1);
    if (rsdp == NULL || memcmp(rsdp, RSDP_SIGNATURE, 8) != 0 ||
        !checksum_is_good(rsdp, RSDP_SIZE_1)) {
        return false;
    }
    *roots = (struct roots){.rsdt = get_u32(rsdp + 16)};
    if (rsdp[15] < 2 || (rsdp = map_bytes(map, physical, RSDP_SIZE_2)) == NULL) {
        return true;
    }
    uint32_t length = get_u32(rsdp + 20);
    if (length >= RSDP_SIZE_2 && length <= RSDP_SIZE_MAX &&
        (rsdp = map_bytes(map, physical, length)) != NULL && checksum_is_good(rsdp, length)) {
        roots->xsdt = get_bytes(rsdp + 24, 8);
    }
    return true;
}

/* The address of the first RSDP in [start, end); 0 if there is none. */
static uint64_t rsdp_search(acpi_map_fn map, uint64_t start, uint64_t end, struct roots *roots)
{
    for (uint64_t at = start; at + RSDP_SIZE_1 <= end; at += RSDP_ALIGNMENT) {
        if (rsdp_read(map, at, roots)) {
            return at;
        }
    }
    return 0;
}

/* The first KiB of the extended BIOS data area, whose segment is at 0x40E, then the BIOS. */
static uint64_t rsdp_find(acpi_map_fn map, struct roots *roots)
{
    const uint8_t *segment = map_bytes(map, 0x40e, 2);
    uint64_t ebda = segment == NULL ? 0 : get_bytes(segment, 2) << 4;
    uint64_t found = 0;
    if (ebda >= 0x500 && ebda < 0xa0000) {
        found = rsdp_search(map, ebda, min_u64(ebda + 1024, 0xa0000), roots);
    }
    return found != 0 ? found : rsdp_search(map, 0xe0000, 0x100000, roots);
}

/* ---- MADT (5.2.12) --------------------------------------------------------------------------- */

enum madt_entry {
    MADT_LOCAL_APIC = 0,
    MADT_IO_APIC = 1,
    MADT_INTERRUPT_OVERRIDE = 2,
    MADT_LOCAL_APIC_ADDRESS = 5,
    MADT_LOCAL_X2APIC = 9,
};

#define MADT_ENTRIES_START 44

static void madt_add_io_apic(struct acpi_info *info, const uint8_t *entry)
{
    if (info->io_apic_count < ACPI_IO_APIC_MAX) {
        info->io_apics[info->io_apic_count++] = (struct acpi_io_apic){
            .id = entry[2],
            .address = get_u32(entry + 4),
            .gsi_base = get_u32(entry + 8),
        };
    }
}

static void madt_override(struct acpi_info *info, const uint8_t *entry)
{
    uint8_t bus = entry[2];
    uint8_t irq = entry[3];
    if (bus != 0 || irq >= ACPI_ISA_IRQ_COUNT) {
        return;
    }
    /* Flags (table 5-50): polarity and trigger, 3 in either is low or level; 0 is the bus's own
     * way, for ISA high and edge. */
    info->isa_irq[irq] = (struct acpi_isa_irq){
        .gsi = get_u32(entry + 4),
        .active_low = (entry[8] & 3) == 3,
        .level = ((entry[8] >> 2) & 3) == 3,
    };
}

/* One entry, whose `length` bytes are all in the table. Too short for its type: passed over. */
static void madt_read_entry(struct acpi_info *info, const uint8_t *entry, size_t length)
{
    switch (entry[0]) {
    case MADT_LOCAL_APIC:
        info->cpu_count += length >= 8 && (entry[4] & 1) != 0;
        break;
    case MADT_LOCAL_X2APIC:
        info->cpu_count += length >= 16 && (entry[8] & 1) != 0;
        break;
    case MADT_IO_APIC:
        if (length >= 12) {
            madt_add_io_apic(info, entry);
        }
        break;
    case MADT_INTERRUPT_OVERRIDE:
        if (length >= 10) {
            madt_override(info, entry);
        }
        break;
    case MADT_LOCAL_APIC_ADDRESS:
        if (length >= 12) {
            info->local_apic = get_bytes(entry + 4, 8);
        }
        break;
    default:
        break;
    }
}

static void madt_read(struct acpi_info *info, const struct table *madt)
{
    if (madt->length < MADT_ENTRIES_START) {
        return;
    }
    info->has_madt = true;
    info->local_apic = get_u32(madt->bytes + 36);
    info->has_8259 = (madt->bytes[40] & 1) != 0;
    size_t at = MADT_ENTRIES_START;
    while (madt->length - at >= 2) {
        size_t length = madt->bytes[at + 1];
        if (length < 2 || length > madt->length - at) {
            return;
        }
        madt_read_entry(info, madt->bytes + at, length);
        at += length;
    }
}

/* ---- FADT (5.2.9) ---------------------------------------------------------------------------- */

enum fadt_offset {
    FADT_DSDT = 40,
    FADT_SCI_IRQ = 46,
    FADT_SMI_COMMAND = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_PM1A_CONTROL = 64,
    FADT_PM1B_CONTROL = 68,
    FADT_PM_TIMER = 76,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_CENTURY = 108,
    FADT_BOOT_FLAGS = 109,
    FADT_FLAGS = 112,
    FADT_RESET = 116,
    FADT_RESET_VALUE = 128,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM1B_CONTROL = 184,
    FADT_X_PM_TIMER = 208,
};

#define FADT_BOOT_NO_RTC         (UINT64_C(1) << 5)
#define FADT_FLAG_TIMER_32_BIT   (UINT64_C(1) << 8)
#define FADT_FLAG_RESET_REGISTER (UINT64_C(1) << 10)

/* A generic address (5.2.3.2): space, bit width, bit offset, access size, 64-bit address. */
static struct acpi_register fadt_generic(const struct table *fadt, size_t offset)
{
    static const enum acpi_space spaces[] = {ACPI_SPACE_MEMORY, ACPI_SPACE_IO, ACPI_SPACE_PCI};
    uint64_t space = table_field(fadt, offset, 1);
    uint64_t address = table_field(fadt, offset + 4, 8);
    if (address == 0 || space >= ARRAY_SIZE(spaces) ||
        (spaces[space] == ACPI_SPACE_IO && address > UINT16_MAX)) {
        return (struct acpi_register){.space = ACPI_SPACE_NONE};
    }
    return (struct acpi_register){.space = spaces[space], .address = address};
}

/* A register that has an old field, a port, and since ACPI 2.0 a generic one that goes first. */
static struct acpi_register fadt_register(const struct table *fadt, size_t generic_offset,
                                          size_t port_offset)
{
    struct acpi_register result = fadt_generic(fadt, generic_offset);
    uint64_t port = table_field(fadt, port_offset, 4);
    if (result.space == ACPI_SPACE_NONE && port != 0 && port <= UINT16_MAX) {
        result = (struct acpi_register){.space = ACPI_SPACE_IO, .address = port};
    }
    return result;
}

/* Returns the DSDT's address; 0 if the table names none. */
static uint64_t fadt_read(struct acpi_info *info, const struct table *fadt)
{
    uint64_t flags = table_field(fadt, FADT_FLAGS, 4);
    uint64_t smi_command = table_field(fadt, FADT_SMI_COMMAND, 4);
    info->has_fadt = true;
    info->sci_irq = (uint16_t)table_field(fadt, FADT_SCI_IRQ, 2);
    info->smi_command_port = smi_command <= UINT16_MAX ? (uint16_t)smi_command : 0;
    info->acpi_enable_value = (uint8_t)table_field(fadt, FADT_ACPI_ENABLE, 1);
    info->pm1a_control = fadt_register(fadt, FADT_X_PM1A_CONTROL, FADT_PM1A_CONTROL);
    info->pm1b_control = fadt_register(fadt, FADT_X_PM1B_CONTROL, FADT_PM1B_CONTROL);
    if (table_field(fadt, FADT_PM_TIMER_LENGTH, 1) == 4) {
        info->pm_timer = fadt_register(fadt, FADT_X_PM_TIMER, FADT_PM_TIMER);
        info->pm_timer_is_32_bit = (flags & FADT_FLAG_TIMER_32_BIT) != 0;
    }
    info->century_register = (uint8_t)table_field(fadt, FADT_CENTURY, 1);
    info->has_no_rtc = (table_field(fadt, FADT_BOOT_FLAGS, 2) & FADT_BOOT_NO_RTC) != 0;
    if ((flags & FADT_FLAG_RESET_REGISTER) != 0) {
        info->reset = fadt_generic(fadt, FADT_RESET);
        info->reset_value = (uint8_t)table_field(fadt, FADT_RESET_VALUE, 1);
    }
    uint64_t dsdt = table_field(fadt, FADT_X_DSDT, 8);
    return dsdt != 0 ? dsdt : table_field(fadt, FADT_DSDT, 4);
}

/* ---- the power-off package (7.4.2, 20.2) ----------------------------------------------------- */

enum aml {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c,
    AML_ONES = 0xff,
};

#define SLEEP_TYPE_MAX 7

/* What is left of a stretch of AML. */
struct aml_cursor {
    const uint8_t *bytes;
    size_t left;
};

static bool aml_take(struct aml_cursor *cursor, size_t count, uint64_t *value)
{
    if (cursor->left < count) {
        return false;
    }
    *value = get_bytes(cursor->bytes, count);
    cursor->bytes += count;
    cursor->left -= count;
    return true;
}

static bool aml_take_byte(struct aml_cursor *cursor, uint8_t expected)
{
    uint64_t byte;
    return aml_take(cursor, 1, &byte) && byte == expected;
}

/* PkgLength (20.2.4) counts itself. Cuts `cursor` down to what it covers behind it. */
static bool aml_enter_package(struct aml_cursor *cursor)
{
    size_t left_before = cursor->left;
    uint64_t lead;
    uint64_t rest;
    if (!aml_take(cursor, 1, &lead) || !aml_take(cursor, lead >> 6, &rest)) {
        return false;
    }
    uint64_t length = lead >> 6 == 0 ? lead : (rest << 4) | (lead & 0xf);
    size_t used = left_before - cursor->left;
    if (length < used || length > left_before) {
        return false;
    }
    cursor->left = length - used;
    return true;
}

static bool aml_take_constant(struct aml_cursor *cursor, uint64_t *value)
{
    uint64_t op;
    if (!aml_take(cursor, 1, &op)) {
        return false;
    }
    switch (op) {
    case AML_ZERO:
    case AML_ONE:
        *value = op;
        return true;
    case AML_ONES:
        *value = SLEEP_TYPE_MAX; /* all ones, in a field of three bits */
        return true;
    case AML_BYTE:
        return aml_take(cursor, 1, value);
    case AML_WORD:
        return aml_take(cursor, 2, value);
    case AML_DWORD:
        return aml_take(cursor, 4, value);
    case AML_QWORD:
        return aml_take(cursor, 8, value);
    default:
        return false;
    }
}

/* Package () {a, b, ...}; of one element, the second type is in the second byte. */
static bool aml_read_sleep_types(struct aml_cursor cursor, uint8_t *type_a, uint8_t *type_b)
{
    uint64_t count;
    uint64_t a;
    uint64_t b;
    if (!aml_take_byte(&cursor, AML_PACKAGE) || !aml_enter_package(&cursor) ||
        !aml_take(&cursor, 1, &count) || count == 0 || !aml_take_constant(&cursor, &a)) {
        return false;
    }
    if (count == 1) {
        b = a >> 8;
        a &= 0xff;
    } else if (!aml_take_constant(&cursor, &b)) {
        return false;
    }
    if (a > SLEEP_TYPE_MAX || b > SLEEP_TYPE_MAX) {
        return false;
    }
    *type_a = (uint8_t)a;
    *type_b = (uint8_t)b;
    return true;
}

bool acpi_aml_find_s5(const uint8_t *aml, size_t length, uint8_t *type_a, uint8_t *type_b)
{
    /* Not a parse: the bytes could stand inside a string or a buffer. What follows must then look
     * like such a package too, and the search goes on if it does not. */
    for (size_t at = 0; at < length; at++) {
        if (aml[at] != AML_NAME) {
            continue;
        }
        struct aml_cursor cursor = {aml + at + 1, length - at - 1};
        if (cursor.left > 0 && cursor.bytes[0] == AML_ROOT) {
            cursor.bytes++;
            cursor.left--;
        }
        if (cursor.left < 4 || memcmp(cursor.bytes, "_S5_", 4) != 0) {
            continue;
        }
        cursor.bytes += 4;
        cursor.left -= 4;
        if (aml_read_sleep_types(cursor, type_a, type_b)) {
            return true;
        }
    }
    return false;
}

static void aml_read(struct acpi_info *info, const struct table *table)
{
    if (!info->has_s5) {
        info->has_s5 = acpi_aml_find_s5(table->bytes + HEADER_SIZE, table->length - HEADER_SIZE,
                                        &info->s5_type_a, &info->s5_type_b);
    }
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* The list of tables (5.2.7, 5.2.8). It is mapped anew for each entry. */
struct root {
    uint64_t first_entry;
    size_t entry_size;
    size_t entry_count;
};

static bool root_open(struct root *root, acpi_map_fn map, const struct roots *roots)
{
    struct table table;
    uint64_t physical = roots->xsdt;
    root->entry_size = 8;
    if (!table_open(&table, map, physical, "XSDT")) {
        physical = roots->rsdt;
        root->entry_size = 4;
        if (!table_open(&table, map, physical, "RSDT")) {
            return false;
        }
    }
    root->first_entry = physical + HEADER_SIZE;
    root->entry_count = min_u64((table.length - HEADER_SIZE) / root->entry_size, ROOT_ENTRIES_MAX);
    return true;
}

/* Open the next table with this signature from `*position` on, and step past it. */
static bool root_next(const struct root *root, acpi_map_fn map, const char *signature,
                      size_t *position, struct table *table)
{
    while (*position < root->entry_count) {
        const uint8_t *entry =
            map_bytes(map, root->first_entry + *position * root->entry_size, root->entry_size);
        (*position)++;
        if (entry != NULL &&
            table_open(table, map, get_bytes(entry, root->entry_size), signature)) {
            return true;
        }
    }
    return false;
}

static void root_read(struct acpi_info *info, acpi_map_fn map, const struct root *root)
{
    struct table table;
    size_t position = 0;
    if (root_next(root, map, "APIC", &position, &table)) {
        madt_read(info, &table);
    }
    position = 0;
    if (root_next(root, map, "FACP", &position, &table)) {
        uint64_t dsdt = fadt_read(info, &table);
        if (table_open(&table, map, dsdt, "DSDT")) {
            aml_read(info, &table);
        }
    }
    position = 0;
    while (!info->has_s5 && root_next(root, map, "SSDT", &position, &table)) {
        aml_read(info, &table);
    }
}

bool acpi_info_read(struct acpi_info *info, acpi_map_fn map, uint64_t rsdp)
{
    *info = (struct acpi_info){0};
    for (uint32_t irq = 0; irq < ACPI_ISA_IRQ_COUNT; irq++) {
        info->isa_irq[irq].gsi = irq;
    }
    struct roots roots;
    if (!rsdp_read(map, rsdp, &roots)) {
        rsdp = rsdp_find(map, &roots);
        if (rsdp == 0) {
            return false;
        }
    }
    info->rsdp = rsdp;
    struct root root;
    if (root_open(&root, map, &roots)) {
        root_read(info, map, &root);
    }
    return true;
}
