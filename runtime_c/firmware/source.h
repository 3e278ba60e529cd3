/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of streamed inputs. The host stages one at a time, or `db` holds all of input 0.
 */
#ifndef MCUFORGE_SOURCE_H
#define MCUFORGE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether any input is streamed. */
bool source_streams(void);

/* Forgets the staged row and where rows come from. */
void source_forget(void);

/* From now on takes rows of input 0 from `db` (feed.h), or staged ones. */
void source_use_db(bool use);

/*
 * Keeps bytes [offset, offset + size) of streamed input `input` until the model reads their row.
 * Returns false if they are none or not within one row. Bytes of another row replace the row.
 */
bool source_stage(uint32_t input, uint32_t offset, const uint8_t *data, uint32_t size);

/* The input and row that the model asked for last and did not get. */
uint32_t source_input_wanted(void);
uint32_t source_row_wanted(void);

#endif
