/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying bytes that may lie over each other: an output may be written over its dying input.
 */
#ifndef MCUFORGE_MOVE_H
#define MCUFORGE_MOVE_H

#include <stdint.h>
#include <string.h>

/* to (n) = from (n), as if all of `from` were read before any of `to` is written. */
static inline void mcuforge_move(int8_t *to, const int8_t *from, int32_t n)
{
    const uintptr_t up = (uintptr_t)to - (uintptr_t)from; /* how far, modulo the address space */
    const uintptr_t down = (uintptr_t)from - (uintptr_t)to;
    const uintptr_t size = (uintptr_t)n;
    if (up >= size && down >= size) {
        memcpy(to, from, size);
    } else if (up != 0 && down < size) {
        for (int32_t i = 0; i < n; i++) {
            to[i] = from[i];
        }
    } else if (up != 0) { /* at 0 the bytes are where they belong */
        for (int32_t i = n - 1; i >= 0; i--) {
            to[i] = from[i];
        }
    }
}

#endif
