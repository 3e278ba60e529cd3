/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of RV32IM inner loops, in the order in which they run. With 16 sums in registers the
 * compiler would move loads ahead until it must spill; it does not move volatile statements. A load
 * is apart from its use, and a product from its sum, so that a pipeline does not wait. Hosts that
 * test the kernels get plain C of the same meaning.
 */
#ifndef MCUFORGE_RV32_H
#define MCUFORGE_RV32_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__riscv_mul) && __riscv_xlen == 32

/* value = *at, loaded here and not earlier. */
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

/* The high word of a * b. From C, compilers make three instructions more. */
static inline int32_t mcuforge_mulhsu(int32_t a, uint32_t b)
{
    int32_t high;
    __asm__("mulhsu %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

/* -1 if x is negative, else 0. Computed here, not before a branch that may skip it. */
static inline int32_t mcuforge_sign_here(int32_t x)
{
    int32_t sign;
    __asm__ volatile("srai %0, %1, 31" : "=r"(sign) : "r"(x));
    return sign;
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

static inline int32_t mcuforge_sign_here(int32_t x)
{
    return x >> 31;
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

/* How the sums of a layer become bytes. A local copy, which stores of bytes cannot change. */
struct mcuforge_rv32_output {
    int32_t twice;  /* 2 * zero point + 1: half of it is the zero point and half a step */
    bool ties_away;
    uint32_t most;  /* 255: see mcuforge_rv32_finish() */
};

/* How the sums of one channel become bytes. */
struct mcuforge_rv32_channel {
    uint32_t doubled; /* twice the multiplier */
    int32_t offset;
    int32_t right;
    bool ties_away;
    uint32_t most;
};

static inline struct mcuforge_rv32_output mcuforge_rv32_output(int32_t zero_point,
                                                               int32_t ties_away)
{
    const struct mcuforge_rv32_output output = {2 * zero_point + 1, ties_away != 0,
                                                mcuforge_kept(255)};
    return output;
}

static inline struct mcuforge_rv32_channel mcuforge_rv32_channel(
    int32_t doubled, int32_t right, const struct mcuforge_rv32_output *output)
{
    const struct mcuforge_rv32_channel channel = {
        .doubled = (uint32_t)doubled,
        .offset = (output->twice * (1 << right)) >> 1,
        .right = right,
        .ties_away = output->ties_away && right > 0,
        .most = output->most,
    };
    return channel;
}

/* The channel of filter `i` of a block of four, whose multipliers are at `constants`. */
static inline struct mcuforge_rv32_channel mcuforge_rv32_channel_of(
    const int32_t *constants, int32_t i, const struct mcuforge_rv32_output *output)
{
    const int8_t *shifts = (const int8_t *)(constants + 4);
    return mcuforge_rv32_channel(constants[i], shifts[i], output);
}

/*
 * The output for a sum: compiler/isa/channels.py has the formula. The rounded high word of
 * sum * doubled takes 4 instructions; saturating to int8 takes one comparison and one addition.
 */
static inline int8_t mcuforge_rv32_finish(int32_t sum, const struct mcuforge_rv32_channel *channel)
{
    const int32_t high = mcuforge_mulhsu(sum, channel->doubled);
    const uint32_t low = (uint32_t)sum * channel->doubled;
    int32_t value = high + (int32_t)(low >> 31) + channel->offset;
    if (channel->ties_away) {
        value += mcuforge_sign_here(sum);
    }
    value >>= channel->right;
    if ((uint32_t)(value + 128) > channel->most) {
        value = mcuforge_sign_here(value) ^ 127;
    }
    return (int8_t)value;
}

#endif
