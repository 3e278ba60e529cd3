/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUFORGE_STATUS_H
#define MCUFORGE_STATUS_H

/* What generated functions return. Kernels cannot fail: the compiler has checked all sizes. */
enum mcuforge_status {
    MCUFORGE_OK = 0,
    MCUFORGE_ERR_ARENA_SIZE = -1,  /* the arena is smaller than <NAME>_ARENA_BYTES */
    MCUFORGE_ERR_ARENA_ALIGN = -2, /* the arena is not aligned to <NAME>_ARENA_ALIGN, or null */
    MCUFORGE_ERR_ARGUMENT = -3,    /* state, arena or source is null, or steps do not exist */
    MCUFORGE_ERR_SOURCE = -4       /* a row of a streamed input is not there yet */
};

#endif
