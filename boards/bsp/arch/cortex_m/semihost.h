/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to the emulator: Arm's "Semihosting for AArch32 and AArch64", operation SYS_WRITE0. Without
 * an emulator or a debugger that answers it, this is a fault.
 */
#ifndef MCUFORGE_SEMIHOST_H
#define MCUFORGE_SEMIHOST_H

#include <stdint.h>

#define SEMIHOST_WRITE0 4u

static inline void semihost_write(const char *text)
{
    register uint32_t operation __asm("r0") = SEMIHOST_WRITE0;
    register const char *argument __asm("r1") = text;
    __asm volatile("bkpt #0xab" : "+r"(operation) : "r"(argument) : "memory");
}

#endif
