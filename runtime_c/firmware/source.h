/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of streamed inputs. The host stages one at a time, or `db` holds all of input 0.
 */
#ifndef MCUFORGE_SOURCE_H
#define MCUFORGE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* True if the model has a streamed input. */
bool source_streams(void);

/* Forget the staged row and the source of rows. */
void source_forget(void);

/* From now on takes rows of input 0 from `db` (feed.h), or staged ones. */
void source_use_db(bool use);

/*
 * Keep bytes [offset, offset + size) of streamed input `input` until the model asks for their row.
 * False if they are not bytes of one row, or none. Bytes of another row replace the row before.
 */
bool source_stage(uint32_t input, uint32_t offset, const uint8_t *data, uint32_t size);

/* The CRC-32 (frame.h) of the row that is staged; 0 if none is. */
uint32_t source_crc(void);

/* The row that the model asked for last and did not get. */
uint32_t source_input_wanted(void);
uint32_t source_row_wanted(void);

#endif
