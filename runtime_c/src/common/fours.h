/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_FOURS_H
#define MCUFORGE_FOURS_H

#include <stdint.h>

/*
 * Runs `statement` for i = 0 to n - 1, four in each iteration of the loop. At -O2 the
 * compiler does not unroll, and counting would cost two or more instructions per element.
 */
#define MCUFORGE_IN_FOURS(i, n, statement)                  \
    do {                                                    \
        const int32_t i##_end = (n);                        \
        const int32_t i##_last = i##_end - 4;               \
        int32_t i##_next = 0;                               \
        for (; i##_next <= i##_last; i##_next += 4) {       \
            {                                               \
                const int32_t i = i##_next;                 \
                statement;                                  \
            }                                               \
            {                                               \
                const int32_t i = i##_next + 1;             \
                statement;                                  \
            }                                               \
            {                                               \
                const int32_t i = i##_next + 2;             \
                statement;                                  \
            }                                               \
            {                                               \
                const int32_t i = i##_next + 3;             \
                statement;                                  \
            }                                               \
        }                                                   \
        for (; i##_next < i##_end; i##_next++) {            \
            const int32_t i = i##_next;                     \
            statement;                                      \
        }                                                   \
    } while (0)

#endif
