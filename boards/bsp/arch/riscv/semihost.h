/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to the emulator: the RISC-V Semihosting specification, operation SYS_WRITE0. An `ebreak`
 * between these two shifts, in one line of the cache, is such a call. Without an emulator or a
 * debugger that answers it, it is a trap.
 */
#ifndef MCUFORGE_SEMIHOST_H
#define MCUFORGE_SEMIHOST_H

#include <stdint.h>

#define SEMIHOST_WRITE0 4u

static inline void semihost_write(const char *text)
{
    register uint32_t operation __asm("a0") = SEMIHOST_WRITE0;
    register const char *argument __asm("a1") = text;
    __asm volatile(".option push\n .option norvc\n .balign 16\n"
                   " slli zero, zero, 0x1f\n ebreak\n srai zero, zero, 7\n .option pop"
                   : "+r"(operation)
                   : "r"(argument)
                   : "memory");
}

#endif
