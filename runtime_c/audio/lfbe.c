/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/audio/lfbe.h"

#define SINE_BITS 30
#define TRIANGLE_BITS 15
#define LOG_BITS 20
#define STEP_BITS 44
#define POWER_SHIFT 14

struct number {
    int32_t r;
    int32_t i;
};

static int32_t rounded(int64_t x, int32_t bits)
{
    return (int32_t)((x + (INT64_C(1) << (bits - 1))) >> bits);
}

/* The place after `place` where bits count in the opposite order; `count` is a power of two. */
static int32_t next_mirrored(int32_t place, int32_t count)
{
    int32_t bit = count / 2;
    for (; (place & bit) != 0; bit /= 2) {
        place -= bit;
    }
    return place + bit;
}

/* Pre-emphasis and the window; two samples make one number, in the order of the FFT's input. */
static void load(const struct mcuforge_lfbe *lfbe, const int16_t *samples, struct number *work)
{
    const int32_t points = lfbe->window / 2;
    int32_t place = 0;
    for (int32_t i = 0; i < points; i++) {
        const int16_t *const x = samples + 2 * i; /* x[0] came before this pair */
        const int32_t at = 2 * i < points ? 2 * i : lfbe->window - 1 - 2 * i;
        const int32_t after = 2 * i < points ? at + 1 : at - 1;
        const int64_t even = 32 * x[1] - 31 * x[0];
        const int64_t odd = 32 * x[2] - 31 * x[1];
        work[place].r = rounded(even * lfbe->shape[at], SINE_BITS);
        work[place].i = rounded(odd * lfbe->shape[after], SINE_BITS);
        place = next_mirrored(place, points);
    }
}

/* Adds and subtracts b, turned by (cosine, -sine). */
static void butterfly(struct number *a, struct number *b, int32_t cosine, int32_t sine)
{
    const int32_t r = rounded((int64_t)b->r * cosine + (int64_t)b->i * sine, SINE_BITS);
    const int32_t i = rounded((int64_t)b->i * cosine - (int64_t)b->r * sine, SINE_BITS);
    b->r = a->r - r;
    b->i = a->i - i;
    a->r += r;
    a->i += i;
}

static void fft(const struct mcuforge_lfbe *lfbe, struct number *work)
{
    const int32_t points = lfbe->window / 2;
    for (int32_t half = 1; half < points; half *= 2) {
        for (int32_t k = 0; k < half; k++) {
            const int32_t turn = k * (points / half);
            const int32_t sine = lfbe->sines[turn];
            const int32_t cosine = lfbe->sines[turn + lfbe->window / 4];
            for (int32_t i = k; i < points; i += 2 * half) {
                butterfly(&work[i], &work[i + half], cosine, sine);
            }
        }
    }
}

/* |X|^2 >> 14 of FFT bin k of the real signal, 0 < k < window / 2. */
static uint64_t power(const struct mcuforge_lfbe *lfbe, const struct number *work, int32_t k)
{
    const struct number a = work[k];
    const struct number b = work[lfbe->window / 2 - k];
    const int32_t sine = lfbe->sines[k];
    const int32_t cosine = lfbe->sines[k + lfbe->window / 4];
    /* twice the transforms of the even samples and of the odd ones */
    const struct number even = {a.r + b.r, a.i - b.i};
    const struct number odd = {a.i + b.i, b.r - a.r};
    const int64_t one = INT64_C(1) << SINE_BITS;
    const int64_t r = rounded(even.r * one + (int64_t)odd.r * cosine + (int64_t)odd.i * sine,
                              SINE_BITS + 1);
    const int64_t i = rounded(even.i * one + (int64_t)odd.i * cosine - (int64_t)odd.r * sine,
                              SINE_BITS + 1);
    return (uint64_t)(r * r + i * i) >> POWER_SHIFT;
}

/* log2 with 20 fraction bits, of x > 0. */
static int32_t log2_of(const struct mcuforge_lfbe *lfbe, uint64_t x)
{
    int32_t octave = 0;
    for (int32_t step = 32; step > 0; step /= 2) {
        octave += x >> (octave + step) != 0U ? step : 0;
    }
    const uint32_t mantissa = (uint32_t)(octave > 31 ? x >> (octave - 31) : x << (31 - octave));
    const int32_t *const chord = &lfbe->logs[(mantissa >> 24) & 127U];
    const int32_t rest = (int32_t)((mantissa >> 8) & 0xFFFFU);
    return octave * (1 << LOG_BITS) + chord[0] + (((chord[1] - chord[0]) * rest) >> 16);
}

static int8_t feature(const struct mcuforge_lfbe *lfbe, uint64_t energy)
{
    int64_t steps = 0;
    if (energy > 0U) {
        steps = (int64_t)lfbe->factor * log2_of(lfbe, energy) + lfbe->offset;
        steps = steps < 0 ? 0 : (steps > lfbe->most ? lfbe->most : steps);
    }
    steps += lfbe->zero_point * (INT64_C(1) << STEP_BITS);
    const int64_t whole = steps < 0 ? -(-steps >> STEP_BITS) : steps >> STEP_BITS;
    return (int8_t)(whole < INT8_MIN ? INT8_MIN : (whole > INT8_MAX ? INT8_MAX : whole));
}

void mcuforge_lfbe_s8(const struct mcuforge_lfbe *lfbe, const int16_t *samples, int32_t *work,
                      int8_t *features)
{
    struct number *const numbers = (struct number *)(void *)work;
    load(lfbe, samples, numbers);
    fft(lfbe, numbers);
    uint64_t before = 0; /* the rising half of the triangle that falls now */
    for (int32_t bin = 0; bin <= lfbe->bins; bin++) {
        uint64_t up = 0;
        uint64_t down = 0;
        for (int32_t k = lfbe->edges[bin]; k < lfbe->edges[bin + 1]; k++) {
            const uint64_t found = power(lfbe, numbers, k);
            up += found * lfbe->rising[k];
            down += found * ((UINT32_C(1) << TRIANGLE_BITS) - lfbe->rising[k]);
        }
        if (bin > 0) {
            features[bin - 1] = feature(lfbe, before + down);
        }
        before = up;
    }
}
