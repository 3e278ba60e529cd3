/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The divisor of a UART: rounded to the nearest, for truncation alone can cost several per cent. A
 * receiver samples the last bit of ten half a bit from its edge, so both ends together may be off
 * by about 4 %: each gets half.
 */
#ifndef MCUFORGE_BAUD_H
#define MCUFORGE_BAUD_H

#include "board_config.h"

/* For UARTs that divide their clock by a whole number. Both also work in #if. */
#define BAUD_DIVISOR(clock_hz) (((clock_hz) + BOARD_BAUD / 2u) / BOARD_BAUD)
#define BAUD_REACHED(clock_hz) ((clock_hz) / BAUD_DIVISOR(clock_hz))

/* Whether the divisor misses BOARD_BAUD by less than 2 %. */
#define BAUD_IS_NEAR(clock_hz)                                             \
    (BAUD_REACHED(clock_hz) * 50u < BOARD_BAUD * 51u &&                    \
     BAUD_REACHED(clock_hz) * 50u > BOARD_BAUD * 49u)

#endif
