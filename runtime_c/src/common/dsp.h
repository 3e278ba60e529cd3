/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of the DSP extension that C cannot express (Armv7E-M and Armv8-M Main: DDI 0403 and
 * DDI 0553, "Alphabetical list of instructions"). A word has two int16 lanes, the low one first.
 * Other cores, and hosts that test the kernels, get plain C of the same meaning.
 */
#ifndef MCUFORGE_DSP_H
#define MCUFORGE_DSP_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)
#define MCUFORGE_HAS_DSP 1
#else
#define MCUFORGE_HAS_DSP 0
#endif

/* Loads four bytes from any address, the first one lowest. For little-endian cores. */
static inline uint32_t mcuforge_load_word(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

#if MCUFORGE_HAS_DSP

/* Bytes 0 and 2 as lanes. */
static inline uint32_t mcuforge_sxtb16(uint32_t x)
{
    uint32_t lanes;
    __asm__("sxtb16 %0, %1" : "=r"(lanes) : "r"(x));
    return lanes;
}

/* Bytes 1 and 3 as lanes. */
static inline uint32_t mcuforge_sxtb16_odd(uint32_t x)
{
    uint32_t lanes;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(x));
    return lanes;
}

/* The lanes of `a` plus bytes 0 and 2. */
static inline uint32_t mcuforge_sxtab16(uint32_t a, uint32_t x)
{
    uint32_t lanes;
    __asm__("sxtab16 %0, %1, %2" : "=r"(lanes) : "r"(a), "r"(x));
    return lanes;
}

/* The lanes of `a` plus bytes 1 and 3. */
static inline uint32_t mcuforge_sxtab16_odd(uint32_t a, uint32_t x)
{
    uint32_t lanes;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(lanes) : "r"(a), "r"(x));
    return lanes;
}

/* sum + a.low * b.low + a.high * b.high, wrapping. */
static inline int32_t mcuforge_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* sum + a.low * b.low, wrapping. */
static inline int32_t mcuforge_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* sum + a.high * b.high, wrapping. */
static inline int32_t mcuforge_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* The low lanes of `a` and `b`. */
static inline uint32_t mcuforge_low_lanes(uint32_t a, uint32_t b)
{
    uint32_t lanes;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(lanes) : "r"(a), "r"(b));
    return lanes;
}

/* The high lanes of `a` and `b`. */
static inline uint32_t mcuforge_high_lanes(uint32_t a, uint32_t b)
{
    uint32_t lanes;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(lanes) : "r"(b), "r"(a));
    return lanes;
}

/* The high word of a * b, rounded, halves upwards. */
static inline int32_t mcuforge_smmulr(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* sum + the high word of a * b, rounded, halves upwards; wrapping. */
static inline int32_t mcuforge_smmlar(int32_t a, int32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* sum + the high word of a * b, rounded down; wrapping. */
static inline int32_t mcuforge_smmla(int32_t a, int32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* x clamped to int8. */
static inline int32_t mcuforge_ssat8(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x) : "cc");
    return result;
}

/* The larger of the signed bytes of `a` and `b`, byte by byte. */
static inline uint32_t mcuforge_max_bytes(uint32_t a, uint32_t b)
{
    uint32_t bytes;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(bytes) : "r"(a), "r"(b));
    return bytes;
}

/* sum + the four unsigned bytes of x. */
static inline uint32_t mcuforge_usada8(uint32_t x, uint32_t sum)
{
    uint32_t result;
    __asm__("usada8 %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(0), "r"(sum));
    return result;
}

/* x / 2, rounded down and clamped to int8. */
static inline int32_t mcuforge_ssat8_half(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(result) : "r"(x) : "cc");
    return result;
}

/* x >> the low byte of `shift`, which is below 32. Its other bytes do not matter. */
static inline int32_t mcuforge_asr_byte(int32_t x, uint32_t shift)
{
    int32_t result;
    __asm__("asr %0, %1, %2" : "=r"(result) : "r"(x), "r"(shift));
    return result;
}

/* x << the low byte of `shift`. */
static inline int32_t mcuforge_lsl_byte(int32_t x, uint32_t shift)
{
    int32_t result;
    __asm__("lsl %0, %1, %2" : "=r"(result) : "r"(x), "r"(shift));
    return result;
}

#else

static inline int32_t mcuforge_low_lane(uint32_t x)
{
    return (int16_t)(x & 0xffffu);
}

static inline int32_t mcuforge_high_lane(uint32_t x)
{
    return (int16_t)(x >> 16);
}

static inline uint32_t mcuforge_lanes(int32_t low, int32_t high)
{
    return ((uint32_t)low & 0xffffu) | ((uint32_t)high << 16);
}

static inline uint32_t mcuforge_sxtab16(uint32_t a, uint32_t x)
{
    return mcuforge_lanes(mcuforge_low_lane(a) + (int8_t)(x & 0xffu),
                          mcuforge_high_lane(a) + (int8_t)((x >> 16) & 0xffu));
}

static inline uint32_t mcuforge_sxtab16_odd(uint32_t a, uint32_t x)
{
    return mcuforge_sxtab16(a, x >> 8);
}

static inline uint32_t mcuforge_sxtb16(uint32_t x)
{
    return mcuforge_sxtab16(0, x);
}

static inline uint32_t mcuforge_sxtb16_odd(uint32_t x)
{
    return mcuforge_sxtab16(0, x >> 8);
}

static inline int32_t mcuforge_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum +
                     (uint32_t)(mcuforge_low_lane(a) * mcuforge_low_lane(b)));
}

static inline int32_t mcuforge_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum +
                     (uint32_t)(mcuforge_high_lane(a) * mcuforge_high_lane(b)));
}

static inline int32_t mcuforge_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    return mcuforge_smlatt(a, b, mcuforge_smlabb(a, b, sum));
}

static inline uint32_t mcuforge_low_lanes(uint32_t a, uint32_t b)
{
    return (a & 0xffffu) | (b << 16);
}

static inline uint32_t mcuforge_high_lanes(uint32_t a, uint32_t b)
{
    return (a >> 16) | (b & 0xffff0000u);
}

static inline int32_t mcuforge_smmulr(int32_t a, int32_t b)
{
    const int64_t product = (int64_t)a * b; /* 4 instructions on RISC-V; with a 64-bit sum 6 */
    return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

static inline int32_t mcuforge_smmla(int32_t a, int32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)a * b) >> 32));
}

static inline int32_t mcuforge_smmlar(int32_t a, int32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)sum + (uint32_t)mcuforge_smmulr(a, b));
}

static inline int32_t mcuforge_ssat8(int32_t x)
{
    return x < INT8_MIN ? INT8_MIN : (x > INT8_MAX ? INT8_MAX : x);
}

static inline uint32_t mcuforge_max_bytes(uint32_t a, uint32_t b)
{
    uint32_t bytes = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        const uint32_t larger = (int8_t)(a >> shift) > (int8_t)(b >> shift) ? a : b;
        bytes |= larger & (UINT32_C(0xff) << shift);
    }
    return bytes;
}

static inline uint32_t mcuforge_usada8(uint32_t x, uint32_t sum)
{
    return sum + (x & 0xffu) + ((x >> 8) & 0xffu) + ((x >> 16) & 0xffu) + (x >> 24);
}

static inline int32_t mcuforge_ssat8_half(int32_t x)
{
    return mcuforge_ssat8(x >> 1);
}

static inline int32_t mcuforge_asr_byte(int32_t x, uint32_t shift)
{
    return x >> (shift & 31u);
}

static inline int32_t mcuforge_lsl_byte(int32_t x, uint32_t shift)
{
    return (int32_t)((uint32_t)x << (shift & 31u));
}

#endif

#endif
