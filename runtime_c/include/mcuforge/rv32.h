/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of RV32IM inner loops in the order they are to run. With 16 sums in registers the compiler
 * moves loads ahead until it must spill; volatile statements stay where they are. Loads stand apart
 * from their use, and products from their sums, so that a pipeline need not wait. Elsewhere, on a
 * host that tests the kernels say, each is plain C of the same meaning.
 */
#ifndef MCUFORGE_RV32_H
#define MCUFORGE_RV32_H

#include <stdint.h>

#if defined(__riscv_mul) && __riscv_xlen == 32

/* value = *at, here and not earlier. */
#define MCUFORGE_LOAD_HERE(value, at) __asm__ volatile("lb %0, %1" : "=r"(value) : "m"(*(at)))

/* si += xi * w: 8 instructions. */
#define MCUFORGE_MAC4(s0, s1, s2, s3, x0, x1, x2, x3, w)                                     \
    do {                                                                                     \
        int32_t p_, q_;                                                                      \
        __asm__ volatile("mul %[p], %[a], %[e]\n\t"                                          \
                         "mul %[q], %[b], %[e]\n\t"                                          \
                         "add %0, %0, %[p]\n\t"                                              \
                         "mul %[p], %[c], %[e]\n\t"                                          \
                         "add %1, %1, %[q]\n\t"                                              \
                         "mul %[q], %[d], %[e]\n\t"                                          \
                         "add %2, %2, %[p]\n\t"                                              \
                         "add %3, %3, %[q]"                                                  \
                         : "+r"(s0), "+r"(s1), "+r"(s2), "+r"(s3), [p] "=&r"(p_),            \
                           [q] "=&r"(q_)                                                     \
                         : [a] "r"(x0), [b] "r"(x1), [c] "r"(x2), [d] "r"(x3), [e] "r"(w)); \
    } while (0)

/* The high word of a * b; compilers take three instructions more where signs differ. */
static inline int32_t mcuforge_mulhsu(int32_t a, uint32_t b)
{
    int32_t high;
    __asm__("mulhsu %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* A constant that stays in a register. */
static inline uint32_t mcuforge_kept(uint32_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

#else

static inline int32_t mcuforge_mulhsu(int32_t a, uint32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

static inline uint32_t mcuforge_kept(uint32_t x)
{
    return x;
}

#define MCUFORGE_LOAD_HERE(value, at) ((value) = *(at))

#define MCUFORGE_MAC4(s0, s1, s2, s3, x0, x1, x2, x3, w) \
    do {                                                 \
        (s0) += (x0) * (w);                              \
        (s1) += (x1) * (w);                              \
        (s2) += (x2) * (w);                              \
        (s3) += (x3) * (w);                              \
    } while (0)

#endif

/* round(sum * doubled / 2^32), halves upwards; `doubled` is twice a multiplier. 4 instructions. */
static inline int32_t mcuforge_high_of(int32_t sum, uint32_t doubled)
{
    return mcuforge_mulhsu(sum, doubled) + (int32_t)(((uint32_t)sum * doubled) >> 31);
}

/* x kept in [-128, 127]; `most` is 255 in a register, so that within it this is one comparison. */
static inline int8_t mcuforge_saturate_s8(int32_t x, uint32_t most)
{
    if ((uint32_t)(x + 128) > most) {
        x = (x >> 31) ^ 127;
    }
    return (int8_t)x;
}

#endif
