/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/batch_matmul_s8.h"

#include "../common/dot4.h"
#include "../common/noinline.h"
#include "../common/products.h"
#include "../common/requantize.h"

enum { COLUMNS = 4 };

static int8_t finish(int32_t acc, const struct mcuforge_batch_matmul_params *params)
{
    return mcuforge_output_s8(acc, params->multiplier, params->shift, params->output_zero_point,
                              INT8_MIN, INT8_MAX);
}

static inline int8_t scaled_output(int32_t sum, const struct mcuforge_scaling *scaling)
{
    return (int8_t)mcuforge_ssat8(mcuforge_scaled(2 * sum, scaling));
}

/* What is the same for every element of a row. */
struct row {
    const int8_t *a;
    int32_t bias;
    const struct mcuforge_batch_matmul_params *params;
    struct mcuforge_scaling scaling; /* if `scaled` */
    bool scaled; /* whether mcuforge_scaled() can scale the sums */
};

/* Computes the elements of a row of `out` up to the last whole four. */
static MCUFORGE_NOINLINE void fours(const struct row *row, const int8_t *b, int8_t *out)
{
    const struct mcuforge_batch_matmul_params *params = row->params;
    const struct mcuforge_scaling scaling = row->scaling;
    const bool scaled = row->scaled;
    const int32_t bias = row->bias;
    const int32_t next = params->b_transposed ? COLUMNS * params->depth : COLUMNS;
    for (int32_t blocks = params->columns / COLUMNS; blocks > 0; blocks--) {
        int32_t sums[COLUMNS];
        if (params->b_transposed) {
            mcuforge_dot4_rows_s8(row->a, -params->a_zero_point, b, params->depth, sums);
        } else {
            mcuforge_dot4_columns_s8(row->a, -params->a_zero_point, b, params->columns,
                                     params->depth, sums);
        }
        if (scaled) {
            out[0] = scaled_output(sums[0] + bias, &scaling);
            out[1] = scaled_output(sums[1] + bias, &scaling);
            out[2] = scaled_output(sums[2] + bias, &scaling);
            out[3] = scaled_output(sums[3] + bias, &scaling);
        } else {
            for (int32_t i = 0; i < COLUMNS; i++) {
                out[i] = finish(sums[i] + bias, params);
            }
        }
        out += COLUMNS;
        b += next;
    }
}

static void product_row(const int8_t *a, const int8_t *b, int8_t *out,
                        const struct mcuforge_batch_matmul_params *params)
{
    const int32_t depth = params->depth;
    const int32_t columns = params->columns;
    const int32_t next_column = params->b_transposed ? depth : 1;
    const bool scaled = mcuforge_products_have_scaling(params);
    const struct row row = {a, mcuforge_product_bias(a, params), params,
                            mcuforge_scaling_of(params->multiplier, scaled ? params->shift : 0,
                                                params->output_zero_point),
                            scaled};
    int32_t column = 0;
    if (params->a_step == 1) {
        fours(&row, b, out);
        column = columns & -COLUMNS;
    }
    for (; column < columns; column++) {
        const int32_t sum = mcuforge_product_sum(a, b + column * next_column, params);
        out[column] = finish(sum + row.bias, params);
    }
}

void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params)
{
    mcuforge_each_product_row(a, b, out, params, product_row);
}
