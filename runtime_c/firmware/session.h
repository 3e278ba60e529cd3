/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framed protocol: requests from the host, one answer each (RUN: two).
 *
 * An answer repeats the request's sequence number. Its kind is the request's plus SESSION_ANSWER.
 * The host may send any request again if its answer is lost: writes and reads are repeated, and a
 * RUN with its old sequence number is answered from memory instead of run again. The host may have
 * two requests of full length under way at a time.
 *
 * Numbers are u32 and little-endian unless said otherwise. Strings end in a zero byte and are cut
 * to 39 characters.
 *
 * HELLO     -> opens a session: gives the model its arenas again, writes the canaries again.
 *           <- protocol, data bytes, inputs, outputs, steps, arenas, bytes of all arenas, canary
 *              bytes, tick hz, whether RUN can poison, model status i32, chip id (0: unknown),
 *              enum board_reset, SHA-256 of the model file (32 bytes), strings: model, task, board,
 *              build
 * TENSOR    -> direction (0 input, 1 output), index
 *           <- bytes, elements, dtype (enum check_dtype), scale f32, zero point i32, bytes per row
 *              if the input is streamed, else 0, string: name
 * WRITE     -> index, offset, data: into an input. Of a streamed input one row is kept, until the
 *              model asks for it: data must lie within one row, and another row replaces it.
 *           <- nothing
 * READ      -> space (enum session_space), index of the tensor or arena, offset, bytes
 *           <- data
 * RUN       -> begin, end, mode (enum session_mode): steps [begin, end). SESSION_POISON: after each
 *              step all dead bytes are overwritten, while the clock stands. SESSION_TIME_STEPS: at
 *              most SESSION_TIMED_STEPS of them, each timed by itself
 *           <- status SESSION_RUNNING at once, with nothing
 *           <- ticks u64, model status i32, steps done so far, input, row: if a row of a streamed
 *              input is missing the run ends early. WRITE that row, then RUN from the steps done.
 *              With SESSION_TIME_STEPS then ticks u64 of every step asked for, 0 if it was not run.
 * COUNTERS  <- of the last run: ticks u64, begin, end, stack bytes, total stack bytes; then
 *              canary bytes changed before the arenas, and after them, received bytes dropped since
 *              the start, and bad frames since HELLO; then the struct board_core of now. A RUN that
 *              continues where the one before ended early is a part of the same run.
 *
 * A refusal has a status from SESSION_BAD_FRAME up and its reason as text. The answer to a damaged
 * frame has kind and sequence SESSION_NO_SEQUENCE: send every unanswered request again.
 */
#ifndef MCUFORGE_SESSION_H
#define MCUFORGE_SESSION_H

#include "frame.h"

#define SESSION_PROTOCOL 4U
#define SESSION_ANSWER 0x80U
#define SESSION_NO_SEQUENCE 0xFFFFU
#define SESSION_TIMED_STEPS 4 /* eight bytes of RAM each */

enum session_kind {
    SESSION_HELLO = 1,
    SESSION_TENSOR = 2,
    SESSION_WRITE = 3,
    SESSION_READ = 4,
    SESSION_RUN = 5,
    SESSION_COUNTERS = 6
};

enum session_mode { SESSION_PLAIN = 0, SESSION_POISON = 1, SESSION_TIME_STEPS = 2 };

enum session_space { SESSION_INPUT = 0, SESSION_OUTPUT = 1, SESSION_ARENA = 2 };

enum session_status {
    SESSION_OK = 0,
    SESSION_RUNNING = 1,
    SESSION_BAD_FRAME = 2, /* damaged on the way */
    SESSION_UNKNOWN = 3,   /* not a kind of request */
    SESSION_RANGE = 4,     /* a tensor, step or byte that does not exist */
    SESSION_CLOSED = 5,    /* no HELLO since the board started */
    SESSION_MODEL = 6      /* the model refused its arena or failed in a run */
};

/* Serves one request. */
void session_serve(const struct frame *request);

/* Tell the host that a frame was damaged. */
void session_refuse_frame(void);

#endif
