/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the emulator: Arm's "Semihosting for AArch32 and AArch64". Without an emulator or a
 * debugger that answers it, a call is a fault.
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
    register uint32_t operation __asm("r0") = number;
    register const void *block __asm("r1") = argument;
    __asm volatile("bkpt #0xab" : "+r"(operation) : "r"(block) : "memory");
    return (int32_t)operation;
}

#endif
