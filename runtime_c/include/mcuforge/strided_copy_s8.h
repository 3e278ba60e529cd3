/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_STRIDED_COPY_S8_H
#define MCUFORGE_STRIDED_COPY_S8_H

#include <stdint.h>

/* A block of up to five dimensions, outermost first; unused ones in front have extent 1. */
struct mcuforge_strided_copy_params {
    int32_t dims[5];
    int32_t in_stride[5];  /* elements from one index to the next; may be negative */
    int32_t out_stride[5];
    int32_t in_offset;     /* element of `in` at index 0, 0, 0, 0, 0 */
    int32_t out_offset;
};

/*
 * Copies a block of int8 or uint8 between any strides, in rising order of indices. Reads a run of
 * adjacent bytes (both last strides are 1) before it writes it; otherwise goes byte by byte. `out`
 * may overlap bytes of `in` that were already read.
 */
void mcuforge_strided_copy_s8(const void *in, void *out,
                              const struct mcuforge_strided_copy_params *params);

#endif
