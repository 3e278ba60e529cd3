/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model that listens: audio comes in chunks, each gives the features of one moment, and the model
 * runs on those of the last moments. Only builds with CHECK_AUDIO use this.
 *
 * Chunks come from the board's own input (board.h, board_audio_start). A board that has none takes
 * what `db` commands load: a load of exactly one chunk is audio.
 */
#ifndef MCUFORGE_STREAM_H
#define MCUFORGE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef CHECK_AUDIO
#define STREAM_LISTENS true
#else
#define STREAM_LISTENS false
#endif

/* Forgets what was heard and begins to listen. Returns false if it listens already. */
bool stream_start(void);

/* Raises the duty cycle's pin for a moment: the start of a recording, as instruments see it. */
void stream_mark(void);

/* Ends listening. Returns false if it did not listen. */
bool stream_stop(void);

/* What was heard since the start: ticks that it took, and the activations of the target. */
void stream_put_log(void);

/* Takes the chunk that was loaded last, then says its features and the model's answer. */
void stream_extract(void);

/* Whether it listens to the board's own input: `db` would overwrite what was heard, and
 * stream_extract() would hear some of it twice. */
bool stream_hears_board(void);

/* Where a load of so many bytes goes; NULL if a chunk has another size. */
uint8_t *stream_room(uint32_t bytes);

/* Takes a chunk that has been loaded, if it listens and the board has no input of its own. */
void stream_loaded(void);

/* Takes a chunk of the board's own input, if there is one. */
void stream_poll(void);

#endif
