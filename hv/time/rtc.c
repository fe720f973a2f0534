/* SPDX-License-Identifier: BSD-2-Clause */
#include "hv/time/rtc.h"

#include "hv/cpu/io.h"
#include "lib/string.h"

#define CMOS_INDEX 0x70 /* bit 7 clear: NMIs stay enabled */
#define CMOS_DATA  0x71

/* MC146818A datasheet: the address map, and registers A and B. */
enum cmos_register {
    CMOS_SECONDS = 0x00,
    CMOS_MINUTES = 0x02,
    CMOS_HOURS = 0x04,
    CMOS_DAY = 0x07,
    CMOS_MONTH = 0x08,
    CMOS_YEAR = 0x09,
    CMOS_STATUS_A = 0x0a,
    CMOS_STATUS_B = 0x0b,
};

#define STATUS_A_UPDATING 0x80
#define STATUS_B_24_HOURS 0x02
#define STATUS_B_BINARY   0x04
#define HOURS_PM          0x80

#define UPDATE_WAIT 20000 /* reads of two ports; an update takes 2 ms */
#define ATTEMPTS    8

/* The registers as they stand, not yet decoded. */
struct rtc_raw {
    uint8_t seconds;
    uint8_t minutes;
    uint8_t hours;
    uint8_t day;
    uint8_t month;
    uint8_t year;
    uint8_t century; /* 0: the clock has no such register */
    uint8_t status_b;
};

static uint8_t cmos_read(uint8_t index)
{
    io_out8(CMOS_INDEX, index & 0x7f);
    return io_in8(CMOS_DATA);
}

static bool wait_until_not_updating(void)
{
    for (uint32_t i = 0; i < UPDATE_WAIT; i++) {
        if ((cmos_read(CMOS_STATUS_A) & STATUS_A_UPDATING) == 0) {
            return true;
        }
    }
    return false;
}

static struct rtc_raw read_registers(uint8_t century_register)
{
    return (struct rtc_raw){
        .seconds = cmos_read(CMOS_SECONDS),
        .minutes = cmos_read(CMOS_MINUTES),
        .hours = cmos_read(CMOS_HOURS),
        .day = cmos_read(CMOS_DAY),
        .month = cmos_read(CMOS_MONTH),
        .year = cmos_read(CMOS_YEAR),
        .century = century_register != 0 ? cmos_read(century_register) : 0,
        .status_b = cmos_read(CMOS_STATUS_B),
    };
}

/* An update can begin between two registers: believe only what reads the same twice. */
static bool read_stable(uint8_t century_register, struct rtc_raw *raw)
{
    for (uint32_t i = 0; i < ATTEMPTS; i++) {
        if (!wait_until_not_updating()) {
            return false;
        }
        *raw = read_registers(century_register);
        struct rtc_raw again = read_registers(century_register);
        if (memcmp(raw, &again, sizeof(again)) == 0) {
            return true;
        }
    }
    return false;
}

/* Not a BCD number: 100, which no field may be. */
static uint32_t decode_number(uint8_t value, bool binary)
{
    if (binary) {
        return value;
    }
    uint32_t tens = value >> 4;
    uint32_t ones = value & 0xf;
    return tens < 10 && ones < 10 ? tens * 10 + ones : 100;
}

static uint32_t decode_hours(uint8_t value, uint8_t status_b)
{
    bool binary = (status_b & STATUS_B_BINARY) != 0;
    if ((status_b & STATUS_B_24_HOURS) != 0) {
        return decode_number(value, binary);
    }
    uint32_t hours = decode_number(value & 0x7f, binary);
    if (hours < 1 || hours > 12) {
        return 100;
    }
    return hours % 12 + ((value & HOURS_PM) != 0 ? 12 : 0);
}

static uint32_t decode_year(const struct rtc_raw *raw, bool binary)
{
    uint32_t year = decode_number(raw->year, binary);
    uint32_t century = decode_number(raw->century, binary);
    if (century >= 19 && century <= 24) {
        return century * 100 + year;
    }
    return year + (year < 70 ? 2000 : 1900);
}

static bool is_leap_year(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_in_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap_year(year) ? 1U : 0U);
}

static uint64_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    uint64_t days = day - 1;
    for (uint32_t y = 1970; y < year; y++) {
        days += is_leap_year(y) ? 366 : 365;
    }
    for (uint32_t m = 1; m < month; m++) {
        days += days_in_month(year, m);
    }
    return days;
}

static bool decode_date(const struct rtc_raw *raw, uint64_t *seconds_since_1970)
{
    bool binary = (raw->status_b & STATUS_B_BINARY) != 0;
    uint32_t seconds = decode_number(raw->seconds, binary);
    uint32_t minutes = decode_number(raw->minutes, binary);
    uint32_t hours = decode_hours(raw->hours, raw->status_b);
    uint32_t day = decode_number(raw->day, binary);
    uint32_t month = decode_number(raw->month, binary);
    uint32_t year = decode_year(raw, binary);
    if (seconds > 59 || minutes > 59 || hours > 23 || month < 1 || month > 12 || year < 1970 ||
        decode_number(raw->year, binary) > 99 || day < 1 || day > days_in_month(year, month)) {
        return false;
    }
    uint64_t days = days_since_1970(year, month, day);
    *seconds_since_1970 = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    return true;
}

bool rtc_read(uint8_t century_register, uint64_t *seconds)
{
    struct rtc_raw raw;
    return read_stable(century_register, &raw) && decode_date(&raw, seconds);
}
