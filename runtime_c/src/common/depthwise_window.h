/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sums of a depthwise convolution, whole and row by row of its input.
 */
#ifndef MCUFORGE_DEPTHWISE_WINDOW_H
#define MCUFORGE_DEPTHWISE_WINDOW_H

#include <stdint.h>

#include "mcuforge/pipeline/ring.h"
#include "tap_range.h"

/* The position of a filter (kh, kw) of one channel; all steps in elements. */
struct mcuforge_depthwise_window {
    struct mcuforge_tap_range rows;
    struct mcuforge_tap_range columns;
    int32_t kernel[2];
    int32_t row_step;
    int32_t column_step;
    int32_t weight_step; /* from a tap's weight to the next */
    int32_t ring;        /* elements of the input's buffer */
};

/* Sums the products of the taps on the image. The first one is `at` elements into `in`. */
static inline int32_t mcuforge_depthwise_taps(const int8_t *in, int32_t at, const int8_t *w,
                                              const struct mcuforge_depthwise_window *window)
{
    const int32_t column_step = window->column_step;
    const int32_t weight_step = window->weight_step;
    const int32_t count = window->columns.end - window->columns.first;
    const int32_t skipped = (window->kernel[1] - count) * weight_step; /* taps beside the image */
    const int32_t span = count * column_step;
    int32_t sum = 0;
    w += (window->rows.first * window->kernel[1] + window->columns.first) * weight_step;
    for (int32_t rows = window->rows.end - window->rows.first; rows > 0; rows--) {
        const int8_t *tap = in + at;
        for (const int8_t *end = tap + span; tap != end; tap += column_step) {
            sum += *tap * *w;
            w += weight_step;
        }
        w += skipped;
        at = mcuforge_ring_step(at, window->row_step, window->ring);
    }
    return sum;
}

/* Sums the weights of rows [ky, ky_end) and columns [kx, kx_end). */
static inline int32_t mcuforge_depthwise_weights(const int8_t *w, int32_t ky, int32_t ky_end,
                                                 int32_t kx, int32_t kx_end,
                                                 const struct mcuforge_depthwise_window *window)
{
    int32_t sum = 0;
    for (; ky < ky_end; ky++) {
        for (int32_t i = kx; i < kx_end; i++) {
            sum += w[(ky * window->kernel[1] + i) * window->weight_step];
        }
    }
    return sum;
}

/*
 * Sums the weights of taps on padding. The bias subtracts the zero point for every tap. Padding is
 * the zero point, so zero point * this sum must be added again.
 */
static inline int32_t mcuforge_depthwise_padding(const int8_t *w,
                                                 const struct mcuforge_depthwise_window *window)
{
    const struct mcuforge_tap_range rows = window->rows;
    const struct mcuforge_tap_range columns = window->columns;
    const int32_t kernel_h = window->kernel[0];
    const int32_t kernel_w = window->kernel[1];
    if (columns.end - columns.first == kernel_w && rows.end - rows.first == kernel_h) {
        return 0;
    }
    return mcuforge_depthwise_weights(w, 0, rows.first, 0, kernel_w, window) +
           mcuforge_depthwise_weights(w, rows.first, rows.end, 0, columns.first, window) +
           mcuforge_depthwise_weights(w, rows.first, rows.end, columns.end, kernel_w, window) +
           mcuforge_depthwise_weights(w, rows.end, kernel_h, 0, kernel_w, window);
}

#endif
