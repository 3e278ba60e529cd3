/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion between the runner's bytes, the model's tensors and real values.
 */
#ifndef MCUFORGE_FEED_H
#define MCUFORGE_FEED_H

#include <stdint.h>

/* Bytes of input 0 as the runner sends it; 0 if this build has no buffer for them. */
uint32_t feed_bytes(void);

/* Converts the received bytes to input 0. Does nothing without a buffer, or if it is streamed. */
void feed_load(void);

/* Converts the received bytes of one row of streamed input 0. feed_bytes() must not be 0. */
void feed_row(uint32_t row, uint8_t *to);

/* Element `index` of output 0, dequantized. */
float feed_output_value(uint32_t index);

/* The mean of (output 0 - the received values)^2. feed_bytes() must not be 0. */
float feed_squared_error(void);

#endif
