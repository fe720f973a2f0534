/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ACPI tables. The tables are put together here, in a small physical memory; what the
 * reader maps is a copy of exactly that many bytes, so that the address sanitizer sees every read
 * beyond it, and freed at the next call, so that it sees every late one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hv/acpi/tables.h"

#define MEMORY_BASE UINT64_C(0xe0000)
#define MEMORY_SIZE UINT64_C(0x20000)
#define LOW_SIZE    UINT64_C(0xa0000)

#define RSDP_AT UINT64_C(0xf5a40)
#define RSDT_AT UINT64_C(0xe1000)
#define XSDT_AT UINT64_C(0xe2004)
#define MADT_AT UINT64_C(0xe3000)
#define FADT_AT UINT64_C(0xe4000)
#define DSDT_AT UINT64_C(0xe5001)
#define SSDT_AT UINT64_C(0xe7000)

static uint8_t high[MEMORY_SIZE]; /* at MEMORY_BASE */
static uint8_t low[LOW_SIZE];     /* at 0 */
static void *mapped;

static uint8_t *at(uint64_t physical)
{
    return physical >= MEMORY_BASE ? high + (physical - MEMORY_BASE) : low + physical;
}

static bool covers(uint64_t physical, size_t size, uint64_t base, uint64_t length)
{
    return physical >= base && physical - base <= length && size <= length - (physical - base);
}

static const void *map_copy(uint64_t physical, size_t size)
{
    free(mapped);
    mapped = NULL;
    if (size == 0 || (!covers(physical, size, 0, LOW_SIZE) &&
                      !covers(physical, size, MEMORY_BASE, MEMORY_SIZE))) {
        return NULL;
    }
    mapped = malloc(size);
    assert_non_null(mapped);
    memcpy(mapped, at(physical), size);
    return mapped;
}

static void put(uint64_t physical, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at(physical)[i] = (uint8_t)(value >> (8 * i));
    }
}

static void fix_checksum(uint64_t start, size_t length, uint64_t checksum)
{
    uint8_t sum = 0;
    put(checksum, 0, 1);
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + at(start)[i]);
    }
    put(checksum, (uint8_t)(0 - sum), 1);
}

/* Give the bytes at `physical` a header, and a checksum that fits what is behind it. */
static void seal_table(uint64_t physical, const char *signature, size_t length)
{
    memcpy(at(physical), signature, 4);
    put(physical + 4, length, 4);
    fix_checksum(physical, length, physical + 9);
}

static size_t table_length(uint64_t physical)
{
    size_t length = 0;
    for (size_t i = 4; i > 0; i--) {
        length = (length << 8) | at(physical)[3 + i];
    }
    return length;
}

static void reseal(uint64_t physical)
{
    fix_checksum(physical, table_length(physical), physical + 9);
}

static void put_rsdp(uint64_t physical, uint8_t revision, uint64_t rsdt, uint64_t xsdt)
{
    memcpy(at(physical), "RSD PTR ", 8);
    put(physical + 15, revision, 1);
    put(physical + 16, rsdt, 4);
    fix_checksum(physical, 20, physical + 8);
    if (revision >= 2) {
        put(physical + 20, 36, 4);
        put(physical + 24, xsdt, 8);
        fix_checksum(physical, 36, physical + 32);
    }
}

static void put_rsdt(uint64_t a, uint64_t b)
{
    put(RSDT_AT + 36, a, 4);
    put(RSDT_AT + 40, b, 4);
    seal_table(RSDT_AT, "RSDT", 44);
}

static void put_bytes(uint64_t physical, const void *bytes, size_t length)
{
    memcpy(at(physical), bytes, length);
}

/* As QEMU's i440FX machine has it, with two processors. */
static void put_madt(void)
{
    static const uint8_t entries[] = {
        0, 8,  0,    0, 1,    0,    0,    0,                 /* local APIC 0, enabled */
        0, 8,  1,    1, 1,    0,    0,    0,                 /* local APIC 1, enabled */
        0, 8,  2,    2, 0,    0,    0,    0,                 /* local APIC 2, not enabled */
        1, 12, 0,    0, 0x00, 0x00, 0xc0, 0xfe, 0,  0, 0, 0, /* I/O APIC 0 at 0xfec00000 */
        2, 10, 0,    0, 2,    0,    0,    0,    0,  0,       /* ISA 0 is GSI 2 */
        2, 10, 0,    5, 5,    0,    0,    0,    13, 0,       /* ISA 5: high, level */
        2, 10, 0,    9, 9,    0,    0,    0,    15, 0,       /* ISA 9: low, level */
        4, 6,  0xff, 0, 0,    1,                             /* NMI on LINT1: of no interest */
    };
    put(MADT_AT + 36, 0xfee00000, 4);
    put(MADT_AT + 40, 1, 4);
    put_bytes(MADT_AT + 44, entries, sizeof(entries));
    seal_table(MADT_AT, "APIC", 44 + sizeof(entries));
}

/* Revision 1: ports only. */
static void put_fadt(void)
{
    memset(at(FADT_AT), 0, 300);
    put(FADT_AT + 40, DSDT_AT, 4);
    put(FADT_AT + 46, 9, 2);
    put(FADT_AT + 48, 0xb2, 4);
    put(FADT_AT + 52, 0xf1, 1);
    put(FADT_AT + 64, 0x604, 4);
    put(FADT_AT + 76, 0x608, 4);
    put(FADT_AT + 91, 4, 1);
    put(FADT_AT + 108, 0x32, 1);
    seal_table(FADT_AT, "FACP", 116);
}

static void put_aml(uint64_t physical, const char *signature, const void *aml, size_t length)
{
    put_bytes(physical + 36, aml, length);
    seal_table(physical, signature, 36 + length);
}

/* Name (_S5, Package () {type_a, type_b, 0, 0}) with something before and behind. */
static void put_dsdt(uint8_t type_a, uint8_t type_b)
{
    const uint8_t aml[] = {0x10, 0x05, '_',  'S',  'B',    '_',  0x08,   '_',  'S',  '5',  '_',
                           0x12, 0x08, 0x04, 0x0a, type_a, 0x0a, type_b, 0x00, 0x00, 0xa4, 0x00};
    put_aml(DSDT_AT, "DSDT", aml, sizeof(aml));
}

static int start(void **state)
{
    (void)state;
    memset(high, 0, sizeof(high));
    memset(low, 0, sizeof(low));
    put_rsdp(RSDP_AT, 0, RSDT_AT, 0);
    put_rsdt(FADT_AT, MADT_AT);
    put_madt();
    put_fadt();
    put_dsdt(5, 4);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    free(mapped);
    mapped = NULL;
    return 0;
}

static struct acpi_info read_tables(void)
{
    struct acpi_info info;
    memset(&info, 0xee, sizeof(info));
    assert_true(acpi_info_read(&info, map_copy, 0));
    return info;
}

/* ---- finding the RSDP ------------------------------------------------------------------------ */

static void rsdp_is_found_in_the_bios(void **state)
{
    (void)state;
    assert_int_equal(read_tables().rsdp, RSDP_AT);
}

static void rsdp_is_found_in_the_ebda(void **state)
{
    (void)state;
    put(0x40e, 0x9fc0, 2);
    put_rsdp(0x9fc10, 0, RSDT_AT, 0);
    assert_int_equal(read_tables().rsdp, 0x9fc10);
}

static void ebda_pointer_to_nowhere_is_passed_over(void **state)
{
    (void)state;
    put(0x40e, 0xffff, 2);
    assert_int_equal(read_tables().rsdp, RSDP_AT);
}

static void rsdp_off_a_paragraph_is_not_found(void **state)
{
    (void)state;
    struct acpi_info info;
    put_rsdp(RSDP_AT + 0x108, 0, RSDT_AT, 0);
    put(RSDP_AT, 0, 8);
    assert_false(acpi_info_read(&info, map_copy, 0));
    assert_int_equal(info.rsdp, 0);
    assert_int_equal(info.isa_irq[4].gsi, 4);
}

static void given_rsdp_is_used_wherever_it_is(void **state)
{
    (void)state;
    struct acpi_info info;
    put_rsdp(RSDP_AT + 0x108, 0, RSDT_AT, 0);
    put(RSDP_AT, 0, 8);
    assert_true(acpi_info_read(&info, map_copy, RSDP_AT + 0x108));
    assert_true(info.has_madt && info.has_fadt);
}

static void wrong_given_rsdp_leads_to_a_search(void **state)
{
    (void)state;
    struct acpi_info info;
    assert_true(acpi_info_read(&info, map_copy, RSDT_AT));
    assert_int_equal(info.rsdp, RSDP_AT);
    assert_true(acpi_info_read(&info, map_copy, UINT64_MAX - 3));
    assert_int_equal(info.rsdp, RSDP_AT);
}

static void rsdp_with_a_bad_checksum_is_not_used(void **state)
{
    (void)state;
    struct acpi_info info;
    at(RSDP_AT)[10] ^= 1;
    assert_false(acpi_info_read(&info, map_copy, 0));
    assert_false(info.has_madt || info.has_fadt || info.has_s5);
}

/* ---- RSDT and XSDT --------------------------------------------------------------------------- */

/* An XSDT that lists the MADT alone. */
static void put_xsdt(void)
{
    put(XSDT_AT + 36, MADT_AT, 8);
    seal_table(XSDT_AT, "XSDT", 44);
    put_rsdp(RSDP_AT, 2, RSDT_AT, XSDT_AT);
}

static void xsdt_goes_before_rsdt(void **state)
{
    (void)state;
    put_xsdt();
    struct acpi_info info = read_tables();
    assert_true(info.has_madt);
    assert_false(info.has_fadt);
}

static void bad_xsdt_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_xsdt();
    at(XSDT_AT)[20] ^= 1;
    assert_true(read_tables().has_fadt);
}

static void bad_extended_checksum_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_xsdt();
    at(RSDP_AT)[33] ^= 1;
    assert_true(read_tables().has_fadt);
}

static void rsdp_too_short_for_an_xsdt_leads_to_the_rsdt(void **state)
{
    (void)state;
    put_xsdt();
    put(RSDP_AT + 20, 20, 4); /* the checksum of these 20 bytes is good */
    assert_true(read_tables().has_fadt);
}

static void without_a_root_table_only_the_rsdp_is_known(void **state)
{
    (void)state;
    at(RSDT_AT)[20] ^= 1;
    struct acpi_info info = read_tables();
    assert_int_equal(info.rsdp, RSDP_AT);
    assert_false(info.has_madt || info.has_fadt || info.has_s5);
}

static void entries_that_lead_nowhere_are_passed_over(void **state)
{
    (void)state;
    put_rsdt(0xfffffff0, MADT_AT);
    struct acpi_info info = read_tables();
    assert_true(info.has_madt);
    assert_false(info.has_fadt);
}

/* ---- MADT ------------------------------------------------------------------------------------ */

static void madt_gives_local_apic_and_processors(void **state)
{
    (void)state;
    struct acpi_info info = read_tables();
    assert_true(info.has_madt);
    assert_true(info.has_8259);
    assert_int_equal(info.local_apic, 0xfee00000);
    assert_int_equal(info.cpu_count, 2);
}

static void madt_gives_io_apics(void **state)
{
    (void)state;
    struct acpi_info info = read_tables();
    assert_int_equal(info.io_apic_count, 1);
    assert_int_equal(info.io_apics[0].address, 0xfec00000);
    assert_int_equal(info.io_apics[0].gsi_base, 0);
}

static void isa_overrides_give_gsi_polarity_and_trigger(void **state)
{
    (void)state;
    struct acpi_info info = read_tables();
    assert_int_equal(info.isa_irq[0].gsi, 2);
    assert_false(info.isa_irq[0].active_low || info.isa_irq[0].level);
    assert_int_equal(info.isa_irq[5].gsi, 5);
    assert_false(info.isa_irq[5].active_low);
    assert_true(info.isa_irq[5].level);
    assert_true(info.isa_irq[9].active_low && info.isa_irq[9].level);
    assert_int_equal(info.isa_irq[4].gsi, 4);
    assert_false(info.isa_irq[4].active_low || info.isa_irq[4].level);
}

/* Replace the MADT's entries. */
static void put_madt_entries(const uint8_t *entries, size_t length)
{
    put_bytes(MADT_AT + 44, entries, length);
    seal_table(MADT_AT, "APIC", 44 + length);
}

static void address_override_replaces_the_local_apic_address(void **state)
{
    (void)state;
    const uint8_t entries[] = {5, 12, 0, 0, 0, 0, 0, 0xd0, 1, 0, 0, 0};
    put_madt_entries(entries, sizeof(entries));
    assert_int_equal(read_tables().local_apic, UINT64_C(0x1d0000000));
}

static void override_of_another_bus_or_beyond_isa_is_passed_over(void **state)
{
    (void)state;
    const uint8_t entries[] = {2, 10, 1, 4, 20, 0, 0, 0, 15, 0, 2, 10, 0, 16, 20, 0, 0, 0, 15, 0};
    put_madt_entries(entries, sizeof(entries));
    assert_int_equal(read_tables().isa_irq[4].gsi, 4);
}

static void io_apics_beyond_the_limit_are_passed_over(void **state)
{
    (void)state;
    uint8_t entries[(ACPI_IO_APIC_MAX + 4) * 12] = {0};
    for (size_t i = 0; i < sizeof(entries); i += 12) {
        entries[i] = 1;
        entries[i + 1] = 12;
    }
    put_madt_entries(entries, sizeof(entries));
    assert_int_equal(read_tables().io_apic_count, ACPI_IO_APIC_MAX);
}

static void entry_of_length_zero_ends_the_list(void **state)
{
    (void)state;
    const uint8_t entries[] = {0, 8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 1, 1, 1, 0, 0, 0};
    put_madt_entries(entries, sizeof(entries));
    assert_int_equal(read_tables().cpu_count, 1);
}

static void entry_of_length_one_ends_the_list(void **state)
{
    (void)state;
    const uint8_t entries[] = {0, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    put_madt_entries(entries, sizeof(entries));
    assert_int_equal(read_tables().io_apic_count, 0);
}

static void entry_that_is_cut_off_is_not_read(void **state)
{
    (void)state;
    const uint8_t entries[] = {0, 8, 0, 0, 1, 0, 0, 0, 1, 12, 0, 0, 0};
    put_madt_entries(entries, sizeof(entries));
    struct acpi_info info = read_tables();
    assert_int_equal(info.cpu_count, 1);
    assert_int_equal(info.io_apic_count, 0);
}

static void entries_too_short_for_their_type_are_passed_over(void **state)
{
    (void)state;
    const uint8_t entries[] = {1, 4, 0, 0, 2, 4, 0, 4, 5, 4, 0, 0, 0, 4, 1, 1, 9, 4, 0, 0};
    put_madt_entries(entries, sizeof(entries));
    struct acpi_info info = read_tables();
    assert_int_equal(info.io_apic_count, 0);
    assert_int_equal(info.cpu_count, 0);
    assert_int_equal(info.local_apic, 0xfee00000);
    assert_int_equal(info.isa_irq[4].gsi, 4);
}

static void bad_checksum_leaves_the_madt_out(void **state)
{
    (void)state;
    at(MADT_AT)[50] ^= 1;
    struct acpi_info info = read_tables();
    assert_false(info.has_madt);
    assert_int_equal(info.local_apic, 0);
    assert_true(info.has_fadt);
}

/* ---- FADT ------------------------------------------------------------------------------------ */

static void assert_register(struct acpi_register actual, enum acpi_space space, uint64_t address)
{
    assert_int_equal(actual.space, space);
    assert_int_equal(actual.address, address);
}

static void old_fadt_gives_ports(void **state)
{
    (void)state;
    struct acpi_info info = read_tables();
    assert_true(info.has_fadt);
    assert_register(info.pm1a_control, ACPI_SPACE_IO, 0x604);
    assert_int_equal(info.pm1b_control.space, ACPI_SPACE_NONE);
    assert_register(info.pm_timer, ACPI_SPACE_IO, 0x608);
    assert_false(info.pm_timer_is_32_bit);
    assert_int_equal(info.reset.space, ACPI_SPACE_NONE);
    assert_int_equal(info.sci_irq, 9);
    assert_int_equal(info.smi_command_port, 0xb2);
    assert_int_equal(info.acpi_enable_value, 0xf1);
    assert_int_equal(info.century_register, 0x32);
    assert_false(info.has_no_rtc);
}

static void put_generic(uint64_t physical, uint8_t space, uint64_t address)
{
    put(physical, space, 1);
    put(physical + 4, address, 8);
}

/* Revision 3, with all that revision 1 has. */
static void put_new_fadt(void)
{
    put(FADT_AT + 109, 1 << 5, 2);
    put(FADT_AT + 112, 1 << 10 | 1 << 8, 4);
    put_generic(FADT_AT + 116, 1, 0xcf9);
    put(FADT_AT + 128, 0x0f, 1);
    put(FADT_AT + 140, SSDT_AT, 8);
    put_generic(FADT_AT + 172, 1, 0x1804);
    put_generic(FADT_AT + 184, 0, UINT64_C(0x1fed00000));
    put_generic(FADT_AT + 208, 1, 0x1808);
    seal_table(FADT_AT, "FACP", 244);
}

static void generic_addresses_of_a_new_fadt_go_first(void **state)
{
    (void)state;
    put_new_fadt();
    struct acpi_info info = read_tables();
    assert_register(info.pm1a_control, ACPI_SPACE_IO, 0x1804);
    assert_register(info.pm1b_control, ACPI_SPACE_MEMORY, UINT64_C(0x1fed00000));
    assert_register(info.pm_timer, ACPI_SPACE_IO, 0x1808);
    assert_true(info.pm_timer_is_32_bit);
    assert_register(info.reset, ACPI_SPACE_IO, 0xcf9);
    assert_int_equal(info.reset_value, 0x0f);
    assert_true(info.has_no_rtc);
    assert_false(info.has_s5); /* at the 64-bit address there is no DSDT */
}

static void zero_generic_addresses_leave_the_ports(void **state)
{
    (void)state;
    put_new_fadt();
    put_generic(FADT_AT + 172, 1, 0);
    put(FADT_AT + 140, 0, 8);
    reseal(FADT_AT);
    struct acpi_info info = read_tables();
    assert_register(info.pm1a_control, ACPI_SPACE_IO, 0x604);
    assert_true(info.has_s5);
}

static void generic_address_of_another_space_or_no_port_is_not_used(void **state)
{
    (void)state;
    put_new_fadt();
    put_generic(FADT_AT + 172, 0x7f, 0x1804);
    put_generic(FADT_AT + 208, 1, 0x10000);
    reseal(FADT_AT);
    struct acpi_info info = read_tables();
    assert_register(info.pm1a_control, ACPI_SPACE_IO, 0x604);
    assert_register(info.pm_timer, ACPI_SPACE_IO, 0x608);
}

static void reset_register_without_its_flag_is_not_used(void **state)
{
    (void)state;
    put_new_fadt();
    put(FADT_AT + 112, 0, 4);
    reseal(FADT_AT);
    assert_int_equal(read_tables().reset.space, ACPI_SPACE_NONE);
}

static void reset_register_in_pci_space_is_given_as_such(void **state)
{
    (void)state;
    put_new_fadt();
    put_generic(FADT_AT + 116, 2, UINT64_C(0x0000001f00000044));
    reseal(FADT_AT);
    assert_register(read_tables().reset, ACPI_SPACE_PCI, UINT64_C(0x0000001f00000044));
}

static void pm_timer_of_length_zero_is_none(void **state)
{
    (void)state;
    put(FADT_AT + 91, 0, 1);
    reseal(FADT_AT);
    assert_int_equal(read_tables().pm_timer.space, ACPI_SPACE_NONE);
}

/* ---- _S5 ------------------------------------------------------------------------------------- */

static void sleep_types_come_from_the_dsdt(void **state)
{
    (void)state;
    struct acpi_info info = read_tables();
    assert_true(info.has_s5);
    assert_int_equal(info.s5_type_a, 5);
    assert_int_equal(info.s5_type_b, 4);
}

static void ssdt_is_asked_when_the_dsdt_has_none(void **state)
{
    (void)state;
    static const uint8_t other[] = {0x08, '_', 'S', '4', '_', 0x12, 0x04, 0x02, 0x01, 0x01};
    static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x01, 0x00};
    put_aml(DSDT_AT, "DSDT", other, sizeof(other));
    put_aml(SSDT_AT, "SSDT", s5, sizeof(s5));
    put_rsdt(FADT_AT, SSDT_AT);
    struct acpi_info info = read_tables();
    assert_true(info.has_s5);
    assert_int_equal(info.s5_type_a, 1);
    assert_int_equal(info.s5_type_b, 0);
}

static void dsdt_with_a_bad_checksum_is_not_searched(void **state)
{
    (void)state;
    at(DSDT_AT)[30] ^= 1;
    assert_false(read_tables().has_s5);
}

/* Search an exact heap copy of the bytes. The result is type_a * 256 + type_b, or -1. */
static int find_s5(const void *aml, size_t length)
{
    uint8_t *copy = malloc(length != 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, aml, length);
    uint8_t a = 0xee;
    uint8_t b = 0xee;
    bool found = acpi_aml_find_s5(copy, length, &a, &b);
    free(copy);
    return found ? a * 256 + b : -1;
}

#define FIND(...) find_s5((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
#define S5_NAME   0x08, '_', 'S', '5', '_'

static void all_constants_are_understood(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x12, 0x04, 2, 0x00, 0x01), 0x0001);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x04, 2, 0xff, 0x00), 0x0700);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x06, 2, 0x0a, 7, 0x0a, 6), 0x0706);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x08, 2, 0x0b, 3, 0, 0x0b, 2, 0), 0x0302);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x0c, 2, 0x0c, 5, 0, 0, 0, 0x0c, 4, 0, 0, 0), 0x0504);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x0c, 2, 0x0e, 5, 0, 0, 0, 0, 0, 0, 0, 0x01), 0x0501);
}

static void all_forms_of_the_package_length_are_understood(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x12, 0x45, 0x00, 2, 0x01, 0x01), 0x0101);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x86, 0x00, 0x00, 2, 0x01, 0x01), 0x0101);
    assert_int_equal(FIND(S5_NAME, 0x12, 0xc7, 0x00, 0x00, 0x00, 2, 0x01, 0x01), 0x0101);
}

static void root_prefix_is_understood(void **state)
{
    (void)state;
    assert_int_equal(FIND(0x08, '\\', '_', 'S', '5', '_', 0x12, 0x04, 2, 0x01, 0x01), 0x0101);
}

static void package_of_one_element_has_both_types_in_it(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x12, 0x05, 1, 0x0b, 5, 3), 0x0503);
}

static void elements_beyond_the_package_are_not_taken(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x12, 0x03, 2, 0x01, 0x01), -1);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x04, 2, 0x0a, 5, 0x01), -1);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x00, 2, 0x01, 0x01), -1);
    assert_int_equal(FIND(S5_NAME, 0x12, 0x40, 0x00, 2, 0x01, 0x01), -1);
}

static void package_beyond_the_table_is_not_taken(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x12, 0x05, 2, 0x01, 0x01), -1);
    assert_int_equal(FIND(S5_NAME, 0x12, 0xcf, 0xff, 0xff, 0xff, 2, 0x01, 0x01), -1);
}

static void what_is_no_such_package_is_not_taken(void **state)
{
    (void)state;
    assert_int_equal(FIND('_', 'S', '5', '_', 0x12, 0x04, 2, 0x01, 0x01), -1); /* no Name */
    assert_int_equal(FIND(S5_NAME, 0x11, 0x04, 2, 0x01, 0x01), -1);            /* Buffer */
    assert_int_equal(FIND(S5_NAME, 0x12, 0x04, 0, 0x01, 0x01), -1);            /* of none */
    assert_int_equal(FIND(S5_NAME, 0x12, 0x02, 0), -1);                        /* empty */
    assert_int_equal(FIND(S5_NAME, 0x12, 0x06, 2, 0x0a, 8, 0x0a, 0), -1);      /* too large */
    assert_int_equal(FIND(S5_NAME, 0x12, 0x04, 2, 0x70, 0x01), -1);            /* no constant */
    assert_int_equal(FIND(0x08, '_', 'S', '3', '_', 0x12, 0x04, 2, 0x01, 0x01), -1); /* S3 */
}

static void search_goes_on_behind_a_false_match(void **state)
{
    (void)state;
    assert_int_equal(FIND(S5_NAME, 0x00, S5_NAME, 0x12, 0x04, 2, 0x01, 0x00), 0x0100);
    assert_int_equal(FIND(0x08, S5_NAME, 0x12, 0x04, 2, 0x01, 0x00), 0x0100);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const uint8_t aml[] = {S5_NAME, 0x12, 0x06, 2, 0x0a, 5, 0x0a, 5};
    for (size_t length = 0; length < sizeof(aml); length++) {
        assert_int_equal(find_s5(aml, length), -1);
    }
    assert_int_equal(find_s5(aml, sizeof(aml)), 0x0505);
}

/* ---- garbage: the address sanitizer is the judge --------------------------------------------- */

static void seed_from_time(void)
{
    unsigned int seed = (unsigned int)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
}

static size_t random_below(size_t limit)
{
    return (size_t)rand() % limit;
}

static void assert_info_is_sane(const struct acpi_info *info)
{
    assert_true(info->io_apic_count <= ACPI_IO_APIC_MAX);
    assert_true(info->pm1a_control.space != ACPI_SPACE_IO || info->pm1a_control.address <= 0xffff);
    assert_true(info->reset.space != ACPI_SPACE_IO || info->reset.address <= 0xffff);
    assert_true(!info->has_s5 || (info->s5_type_a <= 7 && info->s5_type_b <= 7));
}

/* With each length, right checksums and all: nothing behind the table's end is read. */
static void tables_of_every_length_are_read_within_bounds(void **state)
{
    static const uint64_t tables[] = {RSDT_AT, MADT_AT, FADT_AT, DSDT_AT};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (size_t length = 0; length < 250; length++) {
            struct acpi_info info;
            start(state);
            put_new_fadt();
            put(FADT_AT + 140, DSDT_AT, 8);
            reseal(FADT_AT);
            put(tables[i] + 4, length, 4);
            fix_checksum(tables[i], length, tables[i] + 9);
            assert_true(acpi_info_read(&info, map_copy, RSDP_AT));
            assert_info_is_sane(&info);
        }
    }
}

static void table_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    put(FADT_AT + 4, 35, 4);
    reseal(FADT_AT);
    assert_false(read_tables().has_fadt);
}

static void huge_lengths_are_refused(void **state)
{
    (void)state;
    put(MADT_AT + 4, 0xffffffff, 4);
    put(FADT_AT + 4, ACPI_TABLE_MAX + 1, 4);
    struct acpi_info info = read_tables();
    assert_false(info.has_madt || info.has_fadt);
}

static void corrupt_some_bytes_of(uint64_t physical, size_t length)
{
    for (size_t i = random_below(6); i > 0; i--) {
        at(physical)[random_below(length)] = (uint8_t)rand();
    }
}

static void tables_with_random_changes_are_read_within_bounds(void **state)
{
    seed_from_time();
    for (size_t run = 0; run < 20000; run++) {
        struct acpi_info info;
        start(state);
        put_new_fadt();
        put(FADT_AT + 140, DSDT_AT, 8);
        corrupt_some_bytes_of(RSDT_AT + 4, 40);
        corrupt_some_bytes_of(MADT_AT + 36, 80);
        corrupt_some_bytes_of(FADT_AT + 36, 208);
        corrupt_some_bytes_of(DSDT_AT + 36, 30);
        seal_table(RSDT_AT, "RSDT", 36 + random_below(16));
        seal_table(MADT_AT, "APIC", 36 + random_below(100));
        seal_table(FADT_AT, "FACP", 36 + random_below(240));
        seal_table(DSDT_AT, "DSDT", 36 + random_below(40));
        assert_true(acpi_info_read(&info, map_copy, RSDP_AT));
        assert_info_is_sane(&info);
    }
}

static void aml_of_random_opcodes_is_read_within_bounds(void **state)
{
    (void)state;
    static const uint8_t opcodes[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x04, 0x02, 0x00,
                                      0x01, 0xff, 0x0a, 0x0b, 0x0c, 0x0e, 0x5c, 0x40, 0xc0};
    seed_from_time();
    for (size_t run = 0; run < 200000; run++) {
        uint8_t aml[24] = {S5_NAME, 0x12};
        for (size_t i = 6; i < sizeof(aml); i++) {
            aml[i] = opcodes[random_below(sizeof(opcodes))];
        }
        assert_true(find_s5(aml, random_below(sizeof(aml) + 1)) <= 0x0707);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rsdp_is_found_in_the_bios),
        TEST(rsdp_is_found_in_the_ebda),
        TEST(ebda_pointer_to_nowhere_is_passed_over),
        TEST(rsdp_off_a_paragraph_is_not_found),
        TEST(given_rsdp_is_used_wherever_it_is),
        TEST(wrong_given_rsdp_leads_to_a_search),
        TEST(rsdp_with_a_bad_checksum_is_not_used),
        TEST(xsdt_goes_before_rsdt),
        TEST(bad_xsdt_leads_to_the_rsdt),
        TEST(bad_extended_checksum_leads_to_the_rsdt),
        TEST(rsdp_too_short_for_an_xsdt_leads_to_the_rsdt),
        TEST(without_a_root_table_only_the_rsdp_is_known),
        TEST(entries_that_lead_nowhere_are_passed_over),
        TEST(madt_gives_local_apic_and_processors),
        TEST(madt_gives_io_apics),
        TEST(isa_overrides_give_gsi_polarity_and_trigger),
        TEST(address_override_replaces_the_local_apic_address),
        TEST(override_of_another_bus_or_beyond_isa_is_passed_over),
        TEST(io_apics_beyond_the_limit_are_passed_over),
        TEST(entry_of_length_zero_ends_the_list),
        TEST(entry_of_length_one_ends_the_list),
        TEST(entry_that_is_cut_off_is_not_read),
        TEST(entries_too_short_for_their_type_are_passed_over),
        TEST(bad_checksum_leaves_the_madt_out),
        TEST(old_fadt_gives_ports),
        TEST(generic_addresses_of_a_new_fadt_go_first),
        TEST(zero_generic_addresses_leave_the_ports),
        TEST(generic_address_of_another_space_or_no_port_is_not_used),
        TEST(reset_register_without_its_flag_is_not_used),
        TEST(reset_register_in_pci_space_is_given_as_such),
        TEST(pm_timer_of_length_zero_is_none),
        TEST(sleep_types_come_from_the_dsdt),
        TEST(ssdt_is_asked_when_the_dsdt_has_none),
        TEST(dsdt_with_a_bad_checksum_is_not_searched),
        TEST(all_constants_are_understood),
        TEST(all_forms_of_the_package_length_are_understood),
        TEST(root_prefix_is_understood),
        TEST(package_of_one_element_has_both_types_in_it),
        TEST(elements_beyond_the_package_are_not_taken),
        TEST(package_beyond_the_table_is_not_taken),
        TEST(what_is_no_such_package_is_not_taken),
        TEST(search_goes_on_behind_a_false_match),
        TEST(every_truncation_is_refused),
        TEST(tables_of_every_length_are_read_within_bounds),
        TEST(table_shorter_than_its_header_is_refused),
        TEST(huge_lengths_are_refused),
        TEST(tables_with_random_changes_are_read_within_bounds),
        TEST(aml_of_random_opcodes_is_read_within_bounds),
    };
    return cmocka_run_group_tests_name("ACPI tables", tests, NULL, NULL);
}
