/* SPDX-License-Identifier: Apache-2.0 */
/* The line a board sends before it gives up. */
#ifndef MCUFORGE_FAULT_H
#define MCUFORGE_FAULT_H

#include <stdint.h>

struct fault_word {
    const char *name; /* of a register */
    uint32_t value;
};

/* Send `m-fault-[kind name=0x01234567 ...]` on a line of its own, then halt. */
void fault_report(const char *kind, const struct fault_word *words, int32_t count)
    __attribute__((noreturn));

#endif
