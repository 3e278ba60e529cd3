/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies bytes that may overlap: a layer may write its output over an input that no other needs.
 */
#ifndef MCUFORGE_MOVE_H
#define MCUFORGE_MOVE_H

#include <stdint.h>
#include <string.h>

/* to (n) = from (n), as if all of `from` were read before `to` is written. */
static inline void mcuforge_move(int8_t *to, const int8_t *from, int32_t n)
{
    const uintptr_t up = (uintptr_t)to - (uintptr_t)from; /* distance modulo the address space */
    const uintptr_t down = (uintptr_t)from - (uintptr_t)to;
    const uintptr_t size = (uintptr_t)n;
    if (up >= size && down >= size) {
        memcpy(to, from, size);
    } else if (up != 0 && down < size) {
        for (int32_t i = 0; i < n; i++) {
            to[i] = from[i];
        }
    } else if (up != 0) { /* at 0 there is nothing to do */
        for (int32_t i = n - 1; i >= 0; i--) {
            to[i] = from[i];
        }
    }
}

#endif
