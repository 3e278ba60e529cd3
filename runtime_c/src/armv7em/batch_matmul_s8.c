/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes four elements of a row of `out` at a time. sxtab16 spreads a row of `a` and subtracts
 * its zero point at no cost. The lanes of `b` are made again for every row: there is no memory to
 * keep them. The inner loops take 25 instructions for 16 products if `b` is stored transposed, 31
 * if it is not.
 */
#include "mcuforge/batch_matmul_s8.h"

#include "../common/dsp.h"
#include "../common/noinline.h"
#include "../common/products.h"
#include "../common/requantize.h"

enum { COLUMNS = 4, STEP = 4 };

/* What is the same for every element of a row. */
struct row {
    const int8_t *a;
    int32_t depth;
    uint32_t offset; /* minus the zero point of `a`, in both lanes */
    int32_t bias;
    struct mcuforge_scaling scaling;
};

/* Keeps the compiler from loading words early, for which it would have no registers. */
static inline void read_no_further(void)
{
    __asm__ volatile("" ::: "memory");
}

static int8_t finish(int32_t sum, const struct mcuforge_scaling *scaling)
{
    return (int8_t)mcuforge_ssat8(mcuforge_scaled(sum * 2, scaling));
}

/* The sum of a row of `a` without its zero points. */
static int32_t centred_sum(const int8_t *a, int32_t a_step, int32_t n, int32_t zero_point)
{
    int32_t sum = -n * zero_point;
    int32_t i = 0;
    if (a_step == 1) {
        for (; i + STEP <= n; i += STEP) {
            const uint32_t word = mcuforge_load_word(a + i);
            sum = mcuforge_smlad(mcuforge_sxtb16(word), 0x00010001u, sum);
            sum = mcuforge_smlad(mcuforge_sxtb16_odd(word), 0x00010001u, sum);
        }
    }
    for (; i < n; i++) {
        sum += a[i * a_step];
    }
    return sum;
}

/* Writes `blocks` of four elements. The columns of `b` are stored one after the other. */
static MCUFORGE_NOINLINE void blocks_of_rows(const struct row *row, const int8_t *b, int32_t blocks,
                                             int8_t *out)
{
    const int32_t depth = row->depth;
    const uint32_t offset = row->offset;
    for (; blocks > 0; blocks--) {
        const int8_t *a = row->a;
        const int8_t *const end = a + (depth & -STEP);
        const int8_t *b2 = b + 2 * depth;
        int32_t sum0 = row->bias;
        int32_t sum1 = sum0;
        int32_t sum2 = sum0;
        int32_t sum3 = sum0;
        while (a < end) {
            const uint32_t x = mcuforge_load_word(a);
            a += STEP;
            const uint32_t x_even = mcuforge_sxtab16(offset, x);
            const uint32_t x_odd = mcuforge_sxtab16_odd(offset, x);
            uint32_t y = mcuforge_load_word(b + depth);
            sum1 = mcuforge_smlad(x_even, mcuforge_sxtb16(y), sum1);
            sum1 = mcuforge_smlad(x_odd, mcuforge_sxtb16_odd(y), sum1);
            read_no_further();
            y = mcuforge_load_word(b);
            b += STEP;
            sum0 = mcuforge_smlad(x_even, mcuforge_sxtb16(y), sum0);
            sum0 = mcuforge_smlad(x_odd, mcuforge_sxtb16_odd(y), sum0);
            read_no_further();
            y = mcuforge_load_word(b2 + depth);
            sum3 = mcuforge_smlad(x_even, mcuforge_sxtb16(y), sum3);
            sum3 = mcuforge_smlad(x_odd, mcuforge_sxtb16_odd(y), sum3);
            read_no_further();
            y = mcuforge_load_word(b2);
            b2 += STEP;
            sum2 = mcuforge_smlad(x_even, mcuforge_sxtb16(y), sum2);
            sum2 = mcuforge_smlad(x_odd, mcuforge_sxtb16_odd(y), sum2);
            read_no_further();
        }
        for (int32_t left = depth & (STEP - 1); left > 0; left--) {
            const int32_t x = *a++ + (int16_t)offset;
            sum0 += x * b[0];
            sum1 += x * b[depth];
            sum2 += x * b2[0];
            sum3 += x * b2[depth];
            b++;
            b2++;
        }
        b = b2 + depth;
        const struct mcuforge_scaling scaling = row->scaling;
        out[0] = finish(sum0, &scaling);
        out[1] = finish(sum1, &scaling);
        out[2] = finish(sum2, &scaling);
        out[3] = finish(sum3, &scaling);
        out += COLUMNS;
    }
}

/* The same for `width` columns side by side. Bytes k and k + 2 of a column become two lanes, and
 * meet the same lanes of `a`. */
static MCUFORGE_NOINLINE void blocks_of_columns(const struct row *row, const int8_t *b,
                                                int32_t width, int8_t *out)
{
    const uint32_t offset = row->offset;
    for (int32_t blocks = width / COLUMNS; blocks > 0; blocks--) {
        const int8_t *a = row->a;
        const int8_t *const end = a + (row->depth & -STEP);
        const int8_t *from = b;
        const int8_t *from2 = b + 2 * width;
        int32_t sum0 = row->bias;
        int32_t sum1 = sum0;
        int32_t sum2 = sum0;
        int32_t sum3 = sum0;
        while (a < end) {
            const uint32_t x = mcuforge_load_word(a);
            a += STEP;
            uint32_t lanes = mcuforge_sxtab16(offset, x);
            uint32_t y = mcuforge_load_word(from);
            uint32_t z = mcuforge_load_word(from2);
            uint32_t pairs = mcuforge_low_lanes(y, z);
            sum0 = mcuforge_smlad(lanes, mcuforge_sxtb16(pairs), sum0);
            sum1 = mcuforge_smlad(lanes, mcuforge_sxtb16_odd(pairs), sum1);
            pairs = mcuforge_high_lanes(y, z);
            sum2 = mcuforge_smlad(lanes, mcuforge_sxtb16(pairs), sum2);
            sum3 = mcuforge_smlad(lanes, mcuforge_sxtb16_odd(pairs), sum3);
            lanes = mcuforge_sxtab16_odd(offset, x);
            read_no_further();
            y = mcuforge_load_word(from + width);
            z = mcuforge_load_word(from2 + width);
            from += STEP * width;
            from2 += STEP * width;
            pairs = mcuforge_low_lanes(y, z);
            sum0 = mcuforge_smlad(lanes, mcuforge_sxtb16(pairs), sum0);
            sum1 = mcuforge_smlad(lanes, mcuforge_sxtb16_odd(pairs), sum1);
            pairs = mcuforge_high_lanes(y, z);
            sum2 = mcuforge_smlad(lanes, mcuforge_sxtb16(pairs), sum2);
            sum3 = mcuforge_smlad(lanes, mcuforge_sxtb16_odd(pairs), sum3);
            read_no_further();
        }
        for (int32_t left = row->depth & (STEP - 1); left > 0; left--) {
            const int32_t x = *a++ + (int16_t)offset;
            sum0 += x * from[0];
            sum1 += x * from[1];
            sum2 += x * from[2];
            sum3 += x * from[3];
            from += width;
        }
        b += COLUMNS;
        const struct mcuforge_scaling scaling = row->scaling;
        out[0] = finish(sum0, &scaling);
        out[1] = finish(sum1, &scaling);
        out[2] = finish(sum2, &scaling);
        out[3] = finish(sum3, &scaling);
        out += COLUMNS;
    }
}

static void product_row(const int8_t *a, const int8_t *b, int8_t *out,
                        const struct mcuforge_batch_matmul_params *params)
{
    const int32_t depth = params->depth;
    const int32_t columns = params->columns;
    const int32_t next_column = params->b_transposed ? depth : 1;
    int32_t bias = 0;
    if (params->b_zero_point != 0) {
        bias = -params->b_zero_point *
               centred_sum(a, params->a_step, depth, params->a_zero_point);
    }
    int32_t column = 0;
    if (params->a_step == 1 && mcuforge_products_have_scaling(params)) {
        const uint32_t lane = (uint32_t)-params->a_zero_point & 0xffffu;
        const struct row row = {a, depth, lane | lane << 16, bias,
                                mcuforge_scaling_of(params->multiplier, params->shift,
                                                    params->output_zero_point)};
        if (params->b_transposed) {
            blocks_of_rows(&row, b, columns / COLUMNS, out);
        } else {
            blocks_of_columns(&row, b, columns, out);
        }
        column = columns & -COLUMNS;
    }
    for (; column < columns; column++) {
        const int32_t sum = mcuforge_product_sum(a, b + column * next_column, params);
        out[column] = mcuforge_output_s8(sum + bias, params->multiplier, params->shift,
                                         params->output_zero_point, INT8_MIN, INT8_MAX);
    }
}

void mcuforge_batch_matmul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                              const struct mcuforge_batch_matmul_params *params)
{
    mcuforge_each_product_row(a, b, out, params, product_row);
}
