/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of batch_matmul_s8 that several ISAs share.
 */
#ifndef MCUFORGE_PRODUCTS_H
#define MCUFORGE_PRODUCTS_H

#include <stdbool.h>

#include "mcuforge/batch_matmul_s8.h"
#include "requantize.h"

/* Sums of up to this many products stay below 2^30, whatever the zero points. */
enum { MCUFORGE_MOST_SCALED_PRODUCTS = 16512 };

/* Whether mcuforge_scaled() can scale the sums. */
static inline bool mcuforge_products_have_scaling(const struct mcuforge_batch_matmul_params *params)
{
    return params->depth <= MCUFORGE_MOST_SCALED_PRODUCTS && mcuforge_has_scaling(params->shift);
}

/* Computes a row of `out` from a row of `a` and the matrix `b`. */
typedef void mcuforge_product_row(const int8_t *a, const int8_t *b, int8_t *out,
                                  const struct mcuforge_batch_matmul_params *params);

/* Calls `product_row` for every row of every matrix. */
static inline void mcuforge_each_product_row(const int8_t *a, const int8_t *b, int8_t *out,
                                             const struct mcuforge_batch_matmul_params *params,
                                             mcuforge_product_row *product_row)
{
    const int32_t *batch = params->batch;
    const int32_t *as = params->a_batch;
    const int32_t *bs = params->b_batch;
    for (int32_t i = 0; i < batch[0]; i++) {
        for (int32_t j = 0; j < batch[1]; j++) {
            for (int32_t k = 0; k < batch[2]; k++) {
                const int8_t *from = a + i * as[0] + j * as[1] + k * as[2];
                const int8_t *with = b + i * bs[0] + j * bs[1] + k * bs[2];
                for (int32_t row = 0; row < params->rows; row++) {
                    product_row(from, with, out, params);
                    from += params->a_row;
                    out += params->columns;
                }
            }
        }
    }
}

/* What is added to each element of a row: minus the zero point of b * the sum of the row of a. */
static inline int32_t mcuforge_product_bias(const int8_t *a,
                                            const struct mcuforge_batch_matmul_params *params)
{
    int32_t sum = 0;
    if (params->b_zero_point == 0) {
        return 0;
    }
    for (int32_t i = 0; i < params->depth; i++) {
        sum += *a;
        a += params->a_step;
    }
    return -params->b_zero_point * (sum - params->depth * params->a_zero_point);
}

/* The sum of products of one element, for any layout of a and b. */
static inline int32_t mcuforge_product_sum(const int8_t *a, const int8_t *b,
                                           const struct mcuforge_batch_matmul_params *params)
{
    const int32_t b_step = params->b_transposed ? 1 : params->columns;
    int32_t sum = 0;
    for (int32_t i = 0; i < params->depth; i++) {
        sum += (*a - params->a_zero_point) * *b;
        a += params->a_step;
        b += b_step;
    }
    return sum;
}

#endif
