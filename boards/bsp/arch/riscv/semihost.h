/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the emulator: the RISC-V Semihosting specification. An `ebreak` between these two shifts,
 * in one line of the cache, is such a call. Without an emulator or a debugger that answers it, it is
 * a trap.
 */
#ifndef MCUFORGE_SEMIHOST_H
#define MCUFORGE_SEMIHOST_H

#include <stdint.h>

#define SEMIHOST_OPEN 1u
#define SEMIHOST_CLOSE 2u
#define SEMIHOST_WRITE0 4u
#define SEMIHOST_READ 6u
#define SEMIHOST_SEEK 10u
#define SEMIHOST_LENGTH 12u
#define SEMIHOST_COMMAND_LINE 21u

/* argument: a string, or a block of words. */
static inline int32_t semihost_call(uint32_t number, const void *argument)
{
    register uint32_t operation __asm("a0") = number;
    register const void *block __asm("a1") = argument;
    __asm volatile(".option push\n .balign 16\n .option norvc\n"
                   " slli zero, zero, 0x1f\n ebreak\n srai zero, zero, 7\n .option pop"
                   : "+r"(operation)
                   : "r"(block)
                   : "memory");
    return (int32_t)operation;
}

#endif
