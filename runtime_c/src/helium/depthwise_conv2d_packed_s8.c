/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16 channels of a pixel a turn. Two taps are added as int16 before they are widened, which halves
 * the widening: 20 instructions for 32 products. The packing has made sure that they fit.
 *
 * Packed, 16 channels are: biases, the taps' weights (taps, 16), multipliers, -right. Words stand in
 * the order the widening leaves: channels 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15.
 */
#include "mcuforge/depthwise_conv2d_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/mve_sums.h"
#include "mcuforge/ring.h"
#include "mcuforge/tap_range.h"

enum { CHANNELS = 16, QUARTER = 4 };

/* Sums of 16 channels by the low two bits of their number. */
struct sums {
    int32x4_t of0;
    int32x4_t of2;
    int32x4_t of1;
    int32x4_t of3;
};

/* How sums end. */
struct ending {
    int8x16_t low;
    int8x16_t high;
    int16_t zero_point;
};

static inline void add(struct sums *sums, int16x8_t even, int16x8_t odd)
{
    sums->of0 = vaddq_s32(sums->of0, vmovlbq_s16(even));
    sums->of2 = vaddq_s32(sums->of2, vmovltq_s16(even));
    sums->of1 = vaddq_s32(sums->of1, vmovlbq_s16(odd));
    sums->of3 = vaddq_s32(sums->of3, vmovltq_s16(odd));
}

static inline int32x4_t scale(int32x4_t sums, const int32_t *scales)
{
    return mcuforge_mve_requantise(sums, vldrwq_s32(scales), vldrwq_s32(scales + CHANNELS));
}

static inline int8x16_t end(const struct sums *sums, const int32_t *scales,
                            const struct ending *ending)
{
    int16x8_t even = vdupq_n_s16(0);
    int16x8_t odd = even;
    even = vqmovnbq_s32(even, scale(sums->of0, scales));
    even = vqmovntq_s32(even, scale(sums->of2, scales + QUARTER));
    odd = vqmovnbq_s32(odd, scale(sums->of1, scales + 2 * QUARTER));
    odd = vqmovntq_s32(odd, scale(sums->of3, scales + 3 * QUARTER));
    int8x16_t values = vqmovnbq_s16(ending->low, vqaddq_n_s16(even, ending->zero_point));
    values = vqmovntq_s16(values, vqaddq_n_s16(odd, ending->zero_point));
    return vminq_s8(vmaxq_s8(values, ending->low), ending->high);
}

/* The taps of 16 channels from channel `c` on, those in `p`; returns where the group's scales are. */
static inline const int32_t *sum(const int32_t *weights, const int8_t *const *taps, int32_t count,
                                 int32_t c, mve_pred16_t p, struct sums *sums)
{
    sums->of0 = vldrwq_s32(weights);
    sums->of2 = vldrwq_s32(weights + QUARTER);
    sums->of1 = vldrwq_s32(weights + 2 * QUARTER);
    sums->of3 = vldrwq_s32(weights + 3 * QUARTER);
    const int8_t *w = (const int8_t *)(weights + CHANNELS);
    int32_t left = count;
    for (; left >= 2; left -= 2) {
        const int8x16_t first = vldrbq_z_s8(taps[0] + c, p);
        const int8x16_t first_w = vldrbq_s8(w);
        const int16x8_t even = vmullbq_int_s8(first, first_w);
        const int16x8_t odd = vmulltq_int_s8(first, first_w);
        const int8x16_t second = vldrbq_z_s8(taps[1] + c, p);
        const int8x16_t second_w = vldrbq_s8(w + CHANNELS);
        add(sums, vaddq_s16(even, vmullbq_int_s8(second, second_w)),
            vaddq_s16(odd, vmulltq_int_s8(second, second_w)));
        taps += 2;
        w += 2 * CHANNELS;
    }
    if (left > 0) {
        const int8x16_t x = vldrbq_z_s8(taps[0] + c, p);
        const int8x16_t last = vldrbq_s8(w);
        add(sums, vmullbq_int_s8(x, last), vmulltq_int_s8(x, last));
    }
    return weights + CHANNELS + CHANNELS / QUARTER * count;
}

/* One pixel from where each of its taps is in memory. */
static void pixel(const int8_t *const *taps, int32_t count, const int32_t *weights, int8_t *out,
                  int32_t channels, const struct ending *given)
{
    const struct ending ending = *given;
    struct sums sums;
    int32_t c = 0;
    for (; c + CHANNELS <= channels; c += CHANNELS) {
        weights = sum(weights, taps, count, c, 0xffff, &sums);
        vstrbq_s8(out + c, end(&sums, weights, &ending));
        weights += 2 * CHANNELS;
    }
    if (c < channels) {
        const mve_pred16_t p = vctp8q((uint32_t)(channels - c));
        weights = sum(weights, taps, count, c, p, &sums);
        vstrbq_p_s8(out + c, end(&sums, weights, &ending), p);
    }
}

/* Where the taps of output column `ox` are, in the order of the weights; `y`: its first row. */
static void find_taps(const int8_t **taps, const int8_t *in, const int8_t *padding, int32_t y,
                      int32_t ox, const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t step = params->dilation[1] * channels;
    const int32_t x0 = ox * params->stride[1] - params->pad[1];
    const int32_t kernel_w = params->kernel[1];
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x0, kernel_w, params->dilation[1], params->input[1]);
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        const bool inside = y >= 0 && y < params->input[0];
        const int32_t row = inside ? mcuforge_ring_row(y, params->input_ring) : 0;
        const int32_t first = inside ? columns.first : kernel_w;
        const int32_t at = (row * params->input[1] + x0) * channels + first * step;
        const int8_t *from = in + at;
        for (int32_t kx = 0; kx < kernel_w; kx++) {
            const bool on_image = kx >= first && kx < columns.end;
            taps[kx] = on_image ? from : padding;
            from += on_image ? step : 0;
        }
        taps += kernel_w;
        y += params->dilation[0];
    }
}

void mcuforge_depthwise_conv2d_packed_s8(
    const int8_t *in, const int32_t *weights, const int8_t *padding, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t first_row,
    int32_t end_row)
{
    const int8_t *taps[MCUFORGE_DEPTHWISE_PACKED_TAPS];
    const int32_t count = params->kernel[0] * params->kernel[1];
    const int32_t channels = params->input[2];
    const struct ending ending = {vdupq_n_s8((int8_t)params->act_min),
                                  vdupq_n_s8((int8_t)params->act_max),
                                  (int16_t)params->output_zero_point};
    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y = oy * params->stride[0] - params->pad[0];
        int8_t *to =
            out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * channels;
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            find_taps(taps, in, padding, y, ox, params);
            pixel(taps, count, weights, to, channels, &ending);
            to += channels;
        }
    }
}
