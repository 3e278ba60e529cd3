/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_ARG_EXTREMUM_S8_H
#define MCUFORGE_ARG_EXTREMUM_S8_H

#include <stdint.h>

struct mcuforge_arg_extremum_params {
    int32_t outer; /* elements outside of the axis */
    int32_t along; /* elements along it */
    int32_t inner; /* inside of it */
    int32_t flip;  /* 0 for the largest; -1 for the smallest: all bits of values are turned */
    int32_t last;  /* of equal ones: 1 the last, 0 the first */
};

/*
 * in (outer, along, inner), out (outer, inner): where along the axis the largest element lies.
 * Reads all that an element of `out` needs before it writes it: `out` may overlap what no later
 * one needs.
 */
void mcuforge_arg_extremum_s8(const int8_t *in, int32_t *out,
                              const struct mcuforge_arg_extremum_params *params);

#endif
