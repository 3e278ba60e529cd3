/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays windows of an image out for multiplication, padding included. Every four bytes become two
 * words of int16 lanes, bytes (0, 2) and (1, 3), as SXTB16 spreads them. The words of two pixels
 * alternate.
 */
#ifndef MCUFORGE_GATHERED_WINDOWS_H
#define MCUFORGE_GATHERED_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mcuforge/conv2d_packed_s8.h"
#include "mcuforge/pipeline/ring.h"
#include "../common/dsp.h"
#include "../common/noinline.h"
#include "../common/tap_range.h"

enum { MCUFORGE_GATHERED_PIXELS = 2 };

/* Where the windows of one output row are; sizes and steps in elements. */
struct mcuforge_windows {
    const int8_t *in;
    const struct mcuforge_conv2d_packed_params *params;
    struct mcuforge_tap_range rows; /* of taps on the image */
    int32_t first_row;              /* where the first of these begins */
    int32_t row_step;
    int32_t ring;
};

/* Where a window goes: straight to lanes, or first to `bytes` if pieces are not whole words. */
struct mcuforge_gathered {
    uint32_t *lanes;
    int8_t *bytes; /* NULL: straight to lanes */
};

/* Spreads n bytes, a multiple of four. Returns where the next lanes go. */
static MCUFORGE_NOINLINE uint32_t *mcuforge_spread(uint32_t *lanes, const int8_t *from, int32_t n)
{
    const int8_t *const end = from + n;
    while (from != end) {
        const uint32_t word = mcuforge_load_word(from);
        from += 4;
        lanes[0] = mcuforge_sxtb16(word);
        lanes[MCUFORGE_GATHERED_PIXELS] = mcuforge_sxtb16_odd(word);
        lanes += 2 * MCUFORGE_GATHERED_PIXELS;
    }
    return lanes;
}

/* Copies n > 0 bytes. If the last word is not whole, it overlaps the one before. */
static MCUFORGE_NOINLINE void mcuforge_copy_few(int8_t *to, const int8_t *from, int32_t n)
{
    if (n < 4) {
        do {
            *to++ = *from++;
        } while (--n > 0);
        return;
    }
    for (n -= 4; n > 0; n -= 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    memcpy(to + n, from + n, 4);
}

/* Appends n bytes of the image. */
static void mcuforge_take_bytes(struct mcuforge_gathered *to, const int8_t *from, int32_t n)
{
    if (to->bytes == NULL) {
        to->lanes = mcuforge_spread(to->lanes, from, n);
    } else {
        mcuforge_copy_few(to->bytes, from, n);
        to->bytes += n;
    }
}

/* Appends padding for n bytes. */
static MCUFORGE_NOINLINE void mcuforge_take_padding(struct mcuforge_gathered *to,
                                                    int32_t zero_point, int32_t n)
{
    const uint32_t lane = (uint32_t)zero_point & 0xffffu;
    for (; n > 0; n -= 2) {
        if (to->bytes == NULL) {
            *to->lanes = lane | lane << 16;
            to->lanes += MCUFORGE_GATHERED_PIXELS;
        } else {
            *to->bytes++ = (int8_t)zero_point;
            n++;
        }
    }
}

/* Gathers any window. Its left taps are on column x0. */
static __attribute__((noinline, cold)) void mcuforge_gather(const struct mcuforge_windows *windows,
                                                            int32_t x0,
                                                            struct mcuforge_gathered to)
{
    const struct mcuforge_conv2d_packed_params *const params = windows->params;
    const int32_t taps = params->kernel[1];
    const int32_t dilation = params->dilation[1];
    const int32_t channels = params->input[2];
    const int32_t zero_point = params->input_zero_point;
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x0, taps, dilation, params->input[1]);
    const int32_t inside = columns.end - columns.first;
    const bool touching = dilation == 1 && inside > 0;
    const int32_t pieces = touching ? 1 : inside;
    const int32_t piece = touching ? inside * channels : channels;
    const int32_t first = (x0 + columns.first * dilation) * channels;
    int32_t row = windows->first_row;

    mcuforge_take_padding(&to, zero_point, windows->rows.first * taps * channels);
    for (int32_t ky = windows->rows.first; ky < windows->rows.end; ky++) {
        int32_t x = row + first;
        mcuforge_take_padding(&to, zero_point, columns.first * channels);
        for (int32_t i = 0; i < pieces; i++) {
            mcuforge_take_bytes(&to, windows->in + x, piece);
            x += dilation * channels;
        }
        mcuforge_take_padding(&to, zero_point, (taps - columns.end) * channels);
        row = mcuforge_ring_step(row, windows->row_step, windows->ring);
    }
    const int32_t below = params->kernel[0] - windows->rows.end;
    mcuforge_take_padding(&to, zero_point, below * taps * channels);
}

/*
 * Gathers a window that is whole on the image and whose taps in a row are neighbours. Its first row
 * begins at `row`.
 */
static MCUFORGE_NOINLINE void mcuforge_gather_inside(const struct mcuforge_windows *windows,
                                                     int32_t row, struct mcuforge_gathered to)
{
    const int32_t run = windows->params->kernel[1] * windows->params->input[2];
    for (int32_t ky = windows->params->kernel[0];;) {
        mcuforge_take_bytes(&to, windows->in + row, run);
        if (--ky == 0) {
            return;
        }
        row = mcuforge_ring_step(row, windows->row_step, windows->ring);
    }
}

#endif
