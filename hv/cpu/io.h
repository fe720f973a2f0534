/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers: port I/O (SDM vol. 1, 19) and memory-mapped ones. One function an access. */
#ifndef HV_CPU_IO_H
#define HV_CPU_IO_H

#include "lib/compiler.h"

/* Read one byte from `port`. */
static inline uint8_t io_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* Read 16 bits from `port`. */
static inline uint16_t io_in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* Read 32 bits from `port`. */
static inline uint32_t io_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* Write one byte to `port`. */
static inline void io_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/* Write 16 bits to `port`. */
static inline void io_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/* Write 32 bits to `port`. */
static inline void io_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/* About a microsecond: a write to the POST code port, which no device acts upon. */
static inline void io_delay(void)
{
    io_out8(0x80, 0);
}

/* Read the 32-bit register `offset` bytes into a mapped device. */
static inline uint32_t mmio_read32(const volatile void *base, size_t offset)
{
    const volatile void *address = (const volatile char *)base + offset;
    return *(const volatile uint32_t *)address;
}

/* Write the 32-bit register `offset` bytes into a mapped device. */
static inline void mmio_write32(volatile void *base, size_t offset, uint32_t value)
{
    volatile void *address = (volatile char *)base + offset;
    *(volatile uint32_t *)address = value;
}

#endif
