/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes 16 channels of a pixel per iteration, or 8 channels of two. It adds two taps as int16
 * before it widens them, which halves the widening. The packing has checked that they fit.
 *
 * Packed, 16 channels have biases, weights (taps, 16), multipliers, and shifts -right. Words are in
 * the order that widening leaves: channels 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15.
 */
#include "mcuforge/depthwise_conv2d_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/tap_range.h"
#include "mve_sums.h"

enum { CHANNELS = 16, HALF = 8, QUARTER = 4 };

/* Sums of 16 channels, by the low two bits of the channel. */
struct sums {
    int32x4_t of0;
    int32x4_t of2;
    int32x4_t of1;
    int32x4_t of3;
};

/* How sums become outputs. */
struct ending {
    int8_t low;
    int8_t high;
    int16_t zero_point;
};

#if MCUFORGE_HAS_MVE
/* Adds %q[e] (even channels) and %q[o] (odd channels) to the sums. */
#define MCUFORGE_WIDEN            \
    "vmovlb.s16 %q[x], %q[e]\n"   \
    "vmovlt.s16 %q[e], %q[e]\n"   \
    "vadd.i32 %q[s0], %q[s0], %q[x]\n" \
    "vadd.i32 %q[s2], %q[s2], %q[e]\n" \
    "vmovlb.s16 %q[x], %q[o]\n"   \
    "vmovlt.s16 %q[o], %q[o]\n"   \
    "vadd.i32 %q[s1], %q[s1], %q[x]\n" \
    "vadd.i32 %q[s3], %q[s3], %q[o]\n"

/*
 * The sums of 16 channels, in assembly because a compiler would need one more vector register than
 * there is. `begin` counts the lanes and `load` reads them. Moves taps to their next 16 channels.
 */
#define MCUFORGE_SUM_OF_TAPS(begin, load)                                                 \
    __asm__ volatile(begin "vldrw.u32 %q[s0], [%[w]], #16\n"                              \
                     "vldrw.u32 %q[s2], [%[w]], #16\n"                                    \
                     "vldrw.u32 %q[s1], [%[w]], #16\n"                                    \
                     "vldrw.u32 %q[s3], [%[w]], #16\n"                                    \
                     "wls lr, %[pairs], 2f\n"                                             \
                     "1: ldrd %[p], %[r], [%[t]]\n" load                                  \
                     " %q[x], [%[p]], #16\n"                                              \
                     "vldrb.8 %q[f], [%[w]], #16\n"                                       \
                     "vmullb.s8 %q[e], %q[x], %q[f]\n"                                    \
                     "vmullt.s8 %q[o], %q[x], %q[f]\n" load                               \
                     " %q[x], [%[r]], #16\n"                                              \
                     "strd %[p], %[r], [%[t]], #8\n"                                      \
                     "vldrb.8 %q[f], [%[w]]\n"                                            \
                     "vmullb.s8 %q[f], %q[x], %q[f]\n"                                    \
                     "vadd.i16 %q[e], %q[e], %q[f]\n"                                     \
                     "vldrb.8 %q[f], [%[w]], #16\n"                                       \
                     "vmullt.s8 %q[f], %q[x], %q[f]\n"                                    \
                     "vadd.i16 %q[o], %q[o], %q[f]\n" MCUFORGE_WIDEN "le lr, 1b\n"        \
                     "2: cbz %[odd], 3f\n"                                                \
                     "ldr %[p], [%[t]]\n" load                                            \
                     " %q[x], [%[p]], #16\n"                                              \
                     "str %[p], [%[t]]\n"                                                 \
                     "vldrb.8 %q[f], [%[w]], #16\n"                                       \
                     "vmullb.s8 %q[e], %q[x], %q[f]\n"                                    \
                     "vmullt.s8 %q[o], %q[x], %q[f]\n" MCUFORGE_WIDEN "3:"                \
                     : [s0] "=&w"(s0), [s1] "=&w"(s1), [s2] "=&w"(s2), [s3] "=&w"(s3),    \
                       [x] "=&w"(x), [f] "=&w"(f), [e] "=&w"(e), [o] "=&w"(o),            \
                       [w] "+r"(w), [t] "+r"(taps), [p] "=&r"(p), [r] "=&r"(r)            \
                     : [pairs] "r"(count / 2), [odd] "l"(count % 2), [left] "r"(left)     \
                     : "lr", "cc", "memory")
#endif

/*
 * Sums the next 16 channels, or `left` of them if fewer are left, and moves the taps behind them.
 * Returns the group's scales. 26 instructions for 32 products.
 */
static inline const int32_t *sum(const int32_t *weights, const int8_t **taps, int32_t count,
                                 int32_t left, struct sums *sums)
{
#if MCUFORGE_HAS_MVE
    int32x4_t s0;
    int32x4_t s1;
    int32x4_t s2;
    int32x4_t s3;
    int8x16_t x;
    int8x16_t f;
    int16x8_t e;
    int16x8_t o;
    const int8_t *p;
    const int8_t *r;
    const int32_t *w = weights;
    if (left >= CHANNELS) {
        MCUFORGE_SUM_OF_TAPS("", "vldrb.8");
    } else {
        MCUFORGE_SUM_OF_TAPS("vctp.8 %[left]\n", "vpst\nvldrbt.8");
    }
    sums->of0 = s0;
    sums->of2 = s2;
    sums->of1 = s1;
    sums->of3 = s3;
    return w;
#else
    const mve_pred16_t p = vctp8q((uint32_t)left);
    const int8_t *w = (const int8_t *)(weights + CHANNELS);
    sums->of0 = vldrwq_s32(weights);
    sums->of2 = vldrwq_s32(weights + QUARTER);
    sums->of1 = vldrwq_s32(weights + 2 * QUARTER);
    sums->of3 = vldrwq_s32(weights + 3 * QUARTER);
    for (int32_t i = 0; i < count; i += 2) {
        int16x8_t even = vdupq_n_s16(0);
        int16x8_t odd = even;
        for (int32_t j = i; j < count && j < i + 2; j++) {
            const int8x16_t x = vldrbq_z_s8(taps[j], p);
            const int8x16_t f = vldrbq_s8(w);
            even = vaddq_s16(even, vmullbq_int_s8(x, f));
            odd = vaddq_s16(odd, vmulltq_int_s8(x, f));
            taps[j] += CHANNELS;
            w += CHANNELS;
        }
        sums->of0 = vaddq_s32(sums->of0, vmovlbq_s16(even));
        sums->of2 = vaddq_s32(sums->of2, vmovltq_s16(even));
        sums->of1 = vaddq_s32(sums->of1, vmovlbq_s16(odd));
        sums->of3 = vaddq_s32(sums->of3, vmovltq_s16(odd));
    }
    return weights + CHANNELS + CHANNELS / QUARTER * count;
#endif
}

static inline int32x4_t scale(int32x4_t sums, const int32_t *scales)
{
    return mcuforge_mve_requantize(sums, vldrwq_s32(scales), vldrwq_s32(scales + CHANNELS));
}

/* Joins the sums of the even or of the odd channels to 8 lanes. */
static inline int16x8_t narrow(int32x4_t bottom, int32x4_t top, int16_t zero_point)
{
    const int16x8_t half = vqmovnbq_s32(vreinterpretq_s16_s32(bottom), bottom);
    return vqaddq_n_s16(vqmovntq_s32(half, top), zero_point);
}

static inline int8x16_t end(const struct sums *sums, const int32_t *scales,
                            const struct ending *ending)
{
    const int32x4_t of0 = scale(sums->of0, scales);
    const int32x4_t of2 = scale(sums->of2, scales + QUARTER);
    const int16x8_t even = narrow(of0, of2, ending->zero_point);
    const int32x4_t of1 = scale(sums->of1, scales + 2 * QUARTER);
    const int32x4_t of3 = scale(sums->of3, scales + 3 * QUARTER);
    const int16x8_t odd = narrow(of1, of3, ending->zero_point);
    const int8x16_t half = vqmovnbq_s16(vreinterpretq_s8_s16(even), even);
    const int8x16_t values = vqmovntq_s16(half, odd);
    return vminq_s8(vmaxq_s8(values, vdupq_n_s8(ending->low)), vdupq_n_s8(ending->high));
}

/* Writes one pixel. `taps` are the addresses of its taps; moves them behind the pixel. */
static void pixel(const int8_t **taps, int32_t count, const int32_t *weights, int8_t *out,
                  int32_t channels, const struct ending *given)
{
    const struct ending ending = *given;
    struct sums sums;
    for (; channels >= CHANNELS; channels -= CHANNELS) {
        weights = sum(weights, taps, count, CHANNELS, &sums);
        vstrbq_s8(out, end(&sums, weights, &ending));
        weights += 2 * CHANNELS;
        out += CHANNELS;
    }
    if (channels > 0) {
        weights = sum(weights, taps, count, channels, &sums);
        const int8x16_t values = end(&sums, weights, &ending);
        vstrbq_p_s8(out, values, vctp8q((uint32_t)channels));
    }
}

/* Appends `count` addresses, one `step` apart. */
static const int8_t **put_taps(const int8_t **taps, const int8_t *at, int32_t step, int32_t count)
{
    for (; count > 0; count--) {
        *taps++ = at;
        at += step;
    }
    return taps;
}

/* Finds the taps of the window that begins at (y, x), in the order of the weights. */
static void find_taps(const int8_t **taps, const int8_t *in, const int8_t *padding, int32_t y,
                      int32_t x, const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t step = params->dilation[1] * channels;
    const int32_t kernel_w = params->kernel[1];
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x, kernel_w, params->dilation[1], params->input[1]);
    const int32_t begin = x * channels + columns.first * step;
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        if (y >= 0 && y < params->input[0] && columns.first < columns.end) {
            const int32_t row = mcuforge_ring_row(y, params->input_ring) * params->input[1];
            taps = put_taps(taps, padding, 0, columns.first);
            taps = put_taps(taps, in + row * channels + begin, step,
                            columns.end - columns.first);
            taps = put_taps(taps, padding, 0, kernel_w - columns.end);
        } else {
            taps = put_taps(taps, padding, 0, kernel_w);
        }
        y += params->dilation[0];
    }
}

static bool is_inside(int32_t at, int32_t axis,
                      const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t last = at + (params->kernel[axis] - 1) * params->dilation[axis];
    return at >= 0 && last < params->input[axis];
}

void mcuforge_depthwise_conv2d_packed_s8(
    const int8_t *in, const int32_t *weights, const int8_t *padding, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t first_row,
    int32_t end_row)
{
    const int8_t *taps[MCUFORGE_DEPTHWISE_PACKED_TAPS];
    const int32_t count = params->kernel[0] * params->kernel[1];
    const int32_t channels = params->input[2];
    const struct ending ending = {(int8_t)params->act_min, (int8_t)params->act_max,
                                  (int16_t)params->output_zero_point};
    const int32_t step = params->stride[1] * channels;
    const bool pairs = channels == HALF && params->stride[1] == 1;
    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y = oy * params->stride[0] - params->pad[0];
        const bool whole_rows = is_inside(y, 0, params);
        bool whole = false; /* whether the last window has no padding */
        int32_t passed = 0; /* elements by which that moved the taps */
        int8_t *to =
            out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * channels;
        for (int32_t left = params->output[1]; left > 0;) {
            const int32_t x = (params->output[1] - left) * params->stride[1] - params->pad[1];
            const bool was_whole = whole;
            whole = whole_rows && is_inside(x, 1, params);
            if (!whole || !was_whole) {
                find_taps(taps, in, padding, y, x, params);
            } else if (passed != step) {
                for (int32_t i = 0; i < count; i++) {
                    taps[i] += step - passed;
                }
            }
            /* two neighbouring pixels of 8 channels are like one of 16 */
            const bool pair = pairs && whole && left > 1 && is_inside(x + 1, 1, params);
            const int32_t pixels = pair ? 2 : 1;
            pixel(taps, count, weights, to, pixels * channels, &ending);
            passed = (pixels * channels + CHANNELS - 1) / CHANNELS * CHANNELS - (pixels - 1) * step;
            to += pixels * channels;
            left -= pixels;
        }
    }
}
