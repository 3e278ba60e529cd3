/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of add_s8 and squared_difference_s8: both bring two inputs to one scale, join them, and
 * scale the result to the output.
 */
#ifndef MCUFORGE_TWO_SCALE_ROWS_H
#define MCUFORGE_TWO_SCALE_ROWS_H

#include "broadcast.h"
#include "fine_scale.h"
#include "fours.h"
#include "noinline.h"
#include "requantize.h"

/* What a kernel does with its inputs on their common scale. */
enum mcuforge_joint { MCUFORGE_SUM, MCUFORGE_SQUARED_DIFFERENCE };

struct mcuforge_input {
    const int8_t *data;
    const int32_t *stride;
    int32_t zero_point;
    int32_t multiplier; /* to the common scale; negative to subtract in a sum */
    int32_t shift;
};

struct mcuforge_output {
    int32_t zero_point;
    int32_t multiplier;
    int32_t shift;
    int32_t low;
    int32_t high;
};

struct mcuforge_two_scales {
    struct mcuforge_coarse coarse;
    struct mcuforge_fine fine;
    struct mcuforge_scaling output;
};

/* Fraction bits that inputs gain before they are scaled, as in TFLite. */
static inline int32_t mcuforge_fraction_bits(enum mcuforge_joint joint)
{
    return joint == MCUFORGE_SUM ? 20 : 7; /* the square of a difference stays below 2^30 */
}

/* The finer input as it is added to the coarser one, which in a sum counts twice. */
static inline int32_t mcuforge_beside_coarser(int32_t y, const struct mcuforge_fine *fine,
                                              enum mcuforge_joint joint)
{
    return (joint == MCUFORGE_SUM ? 2 : -1) * mcuforge_finer(y, fine);
}

/* The output for twice a sum, or for a difference: 5 or 6 instructions on Armv7E-M. */
static inline int8_t mcuforge_joined(int32_t value, const struct mcuforge_scaling *output,
                                     enum mcuforge_joint joint)
{
    const bool sum = joint == MCUFORGE_SUM;
    const int32_t twice = sum ? value : value * value * 2;
    const int32_t offset = output->offset + (sum ? twice >> 31 : 0); /* squares have no sign */
    const int32_t scaled = mcuforge_smmlar(twice, output->multiplier, offset) >> output->right;
    return (int8_t)mcuforge_ssat8(scaled);
}

/* Computes a row; x is of the coarser input. A step of 0 means one element for the whole row. */
static MCUFORGE_NOINLINE void mcuforge_two_scale_row(const int8_t *x, int32_t step_x,
                                                     const int8_t *y, int32_t step_y, int8_t *out,
                                                     int32_t n,
                                                     const struct mcuforge_two_scales *given,
                                                     enum mcuforge_joint joint)
{
    const struct mcuforge_scaling output = given->output;
    const struct mcuforge_fine fine = given->fine;
    struct mcuforge_coarse coarse = given->coarse;
    if (step_y == 0) {
        coarse.offset += mcuforge_beside_coarser(*y, &fine, joint);
        MCUFORGE_IN_FOURS(
            i, n, out[i] = mcuforge_joined(mcuforge_coarser(x[i], &coarse), &output, joint));
    } else if (step_x == 0) {
        const int32_t same = mcuforge_coarser(*x, &coarse);
        for (int32_t i = 0; i < n; i++) {
            const int32_t beside = mcuforge_beside_coarser(y[i], &fine, joint);
            out[i] = mcuforge_joined(same + beside, &output, joint);
        }
    } else {
        MCUFORGE_IN_FOURS(
            i, n, out[i] = mcuforge_joined(mcuforge_coarser(x[i], &coarse) +
                                               mcuforge_beside_coarser(y[i], &fine, joint),
                                           &output, joint));
    }
}

/* Three calls of this are less code than three copies. */
static MCUFORGE_NOINLINE int32_t mcuforge_called_requantize(int32_t x, int32_t multiplier,
                                                            int32_t shift)
{
    return mcuforge_requantize(x, multiplier, shift);
}

/* The definition, in TFLite's own steps. Few models have an output scale that needs it. */
static MCUFORGE_NOINLINE void mcuforge_any_scale_row(const int8_t *x, const int8_t *y, int8_t *out,
                                                     int32_t n, const struct mcuforge_input *of_x,
                                                     const struct mcuforge_input *of_y,
                                                     const struct mcuforge_output *output,
                                                     enum mcuforge_joint joint)
{
    const int32_t one = 1 << mcuforge_fraction_bits(joint);
    for (int32_t i = 0; i < n; i++) {
        const int32_t fine_x = (*x - of_x->zero_point) * one;
        const int32_t fine_y = (*y - of_y->zero_point) * one;
        const int32_t scaled_x = mcuforge_called_requantize(fine_x, of_x->multiplier, of_x->shift);
        const int32_t scaled_y = mcuforge_called_requantize(fine_y, of_y->multiplier, of_y->shift);
        const int32_t difference = scaled_x - scaled_y;
        const int32_t value =
            joint == MCUFORGE_SUM ? scaled_x + scaled_y : difference * difference;
        const int32_t scaled = mcuforge_called_requantize(value, output->multiplier, output->shift);
        out[i] = (int8_t)mcuforge_ssat8(scaled + output->zero_point);
        x += of_x->stride[MCUFORGE_BROADCAST_ROW];
        y += of_y->stride[MCUFORGE_BROADCAST_ROW];
    }
}

/* Whether to take `a` as the coarser input. If both are, takes one that changes along a row. */
static inline bool mcuforge_is_a_coarser(const struct mcuforge_input *a,
                                         const struct mcuforge_input *b)
{
    const bool b_can = mcuforge_is_coarse(b->multiplier, b->shift);
    const bool a_changes = a->stride[MCUFORGE_BROADCAST_ROW] != 0;
    return mcuforge_is_coarse(a->multiplier, a->shift) && (a_changes || !b_can);
}

/* Computes `out`, whose dimensions are `dims`. */
static inline void mcuforge_two_scale_rows(const struct mcuforge_input *a,
                                           const struct mcuforge_input *b, int8_t *out,
                                           const int32_t *dims,
                                           const struct mcuforge_output *output,
                                           enum mcuforge_joint joint)
{
    const bool sum = joint == MCUFORGE_SUM;
    const int32_t bits = mcuforge_fraction_bits(joint);
    const bool a_is_coarser = mcuforge_is_a_coarser(a, b);
    const struct mcuforge_input *x = a_is_coarser ? a : b;
    const struct mcuforge_input *y = a_is_coarser ? b : a;
    const struct mcuforge_two_scales scales = {
        mcuforge_coarse_of(x->zero_point, x->multiplier, sum ? bits : bits - 1),
        mcuforge_fine_of(y->zero_point, y->multiplier, y->shift, bits),
        mcuforge_scaling_of(output->multiplier, output->shift, output->zero_point)};
    const bool quick = mcuforge_has_scaling(output->shift) && !(sum && output->shift == 0);
    const bool clamp = output->low > INT8_MIN || output->high < INT8_MAX;
    const int32_t n = dims[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_x = x->data + row.a;
        const int8_t *from_y = y->data + row.b;
        if (quick) {
            mcuforge_two_scale_row(from_x, x->stride[MCUFORGE_BROADCAST_ROW], from_y,
                                   y->stride[MCUFORGE_BROADCAST_ROW], out, n, &scales, joint);
        } else {
            mcuforge_any_scale_row(from_x, from_y, out, n, x, y, output, joint);
        }
        if (clamp) {
            mcuforge_clamp_row(out, n, output->low, output->high);
        }
        out += n;
    } while (mcuforge_next_row(&row, dims, x->stride, y->stride));
}

#endif
