/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_STRIDED_COPY_S8_H
#define MCUFORGE_STRIDED_COPY_S8_H

#include <stdint.h>

/* A block of up to five dimensions, outermost first; absent outer ones have extent 1. */
struct mcuforge_strided_copy_params {
    int32_t dims[5];
    int32_t in_stride[5];  /* elements from one index to the next, negative to walk backwards */
    int32_t out_stride[5];
    int32_t in_offset;     /* element of `in` at index 0, 0, 0, 0, 0 */
    int32_t out_offset;
};

/*
 * Copies bytes, int8 or uint8, wherever the strides lead, in rising order of indices. A run of
 * adjacent bytes (both last strides 1) is read before it is written, else each byte is; `out` may
 * lie over bytes of `in` that are done with.
 */
void mcuforge_strided_copy_s8(const void *in, void *out,
                              const struct mcuforge_strided_copy_params *params);

#endif
