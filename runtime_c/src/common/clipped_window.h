/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a pooling window that is on the image, along one dimension.
 */
#ifndef MCUFORGE_CLIPPED_WINDOW_H
#define MCUFORGE_CLIPPED_WINDOW_H

#include <stdint.h>

struct mcuforge_clipped_window {
    int32_t first; /* image row or column of the first tap */
    int32_t count; /* taps on the image */
};

/* Clips the window of `kernel` taps at `origin` to an image of `size` rows or columns. */
static inline struct mcuforge_clipped_window mcuforge_clip_window(int32_t origin, int32_t kernel,
                                                                  int32_t size)
{
    const int32_t first = origin > 0 ? origin : 0;
    const int32_t end = origin + kernel < size ? origin + kernel : size;
    const struct mcuforge_clipped_window window = {first, end - first};
    return window;
}

#endif
