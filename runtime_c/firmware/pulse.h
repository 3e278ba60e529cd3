/* SPDX-License-Identifier: Apache-2.0 */
/* Pulses on the pins of board.h. */
#ifndef MCUFORGE_PULSE_H
#define MCUFORGE_PULSE_H

#include "board.h"

/*
 * Pulls a pin that rests high down for PULSE_MICROSECONDS, and a little longer. The instrument takes
 * the falling edge.
 */
void pulse_low(enum board_pin pin);

/* The benchmark asks for 1 us; level shifters and long wires make short pulses shorter. */
#define PULSE_MICROSECONDS 10U

#endif
