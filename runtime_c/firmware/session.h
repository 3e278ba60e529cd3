/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framed protocol, version 5: requests from the host, one answer each (RUN: two). An answer has
 * the nonce and the sequence number of its request, and its kind plus FRAME_ANSWER.
 *
 * OPEN begins a session, which its nonce names. A session's requests are numbered without a gap,
 * and the board executes number n + 1 after n and nothing else:
 *
 *     the next number          executed
 *     the last one, same CRC   answered once more from memory, not executed again
 *     an older one             SESSION_STALE
 *     a later one              SESSION_GAP: one before it was lost
 *     another nonce            SESSION_STALE, or SESSION_CLOSED without a session
 *
 * So the host may have several requests under way (`window`), and sends those without an answer
 * again, in their order. SESSION_BAD_FRAME, SESSION_GAP and SESSION_STALE of an older number come as
 * a notice: kind SESSION_NOTICE, the session's nonce, and as sequence the last number executed.
 *
 * Numbers are u32 and little-endian unless said otherwise. Strings end in a zero byte and are cut
 * to 39 characters.
 *
 * HELLO     -> asks who is there. It belongs to no session and changes nothing.
 *           <- protocol, data bytes, window, inputs, outputs, steps, arenas, bytes of all arenas,
 *              canary bytes, tick hz, whether RUN can poison, chip id (0: unknown), enum
 *              board_reset, epoch, SHA-256 of the model file (32 bytes), strings: model, task,
 *              board, build
 * OPEN      -> epoch and SHA-256 of the HELLO before. Every OPEN changes the epoch, so an old one
 *              opens nothing, nor does one that was meant for other firmware: SESSION_STALE. Gives
 *              the model its arenas again, and writes the canaries again.
 *           <- model status i32
 * TENSOR    -> direction (0 input, 1 output), index
 *           <- bytes, elements, dtype (enum check_dtype), scale f32, zero point i32, bytes per row
 *              if the input is streamed, else 0, string: name
 * WRITE     -> index, offset, data: into an input. Of a streamed input one row is kept, until the
 *              model asks for it: data must lie within one row, and another row replaces it.
 *           <- nothing
 * READ      -> space (enum session_space), index of the tensor or arena, offset, bytes
 *           <- data
 * RUN       -> begin, end, mode (enum session_mode, and SESSION_GOES_ON), crc: steps [begin, end).
 *              SESSION_POISON: after each step all dead bytes are overwritten, while the clock
 *              stands. SESSION_TIME_STEPS: at most SESSION_TIMED_STEPS of them, each timed by itself.
 *              Without SESSION_GOES_ON begin is 0, a staged row is forgotten, and crc is the CRC-32
 *              of all inputs that are not streamed, one behind the other. With it begin is the
 *              number of steps done by the RUN before, and crc that of the staged row, or 0. The
 *              board compares before it runs: SESSION_INPUTS
 *           <- status SESSION_RUNNING at once, with nothing
 *           <- ticks u64, model status i32, steps done so far, input, row: if a row of a streamed
 *              input is missing the run ends early. WRITE that row, then RUN from the steps done.
 *              With SESSION_TIME_STEPS then ticks u64 of every step asked for, 0 if it was not run.
 * COUNTERS  <- of the last run: ticks u64, begin, end, stack bytes, total stack bytes; then
 *              canary bytes changed before the arenas, and after them, received bytes dropped since
 *              the start, and bad frames since OPEN; then the struct board_core of now. A RUN that
 *              continues where the one before ended early is a part of the same run.
 *
 * Other refusals have a status from SESSION_UNKNOWN up and their reason as text.
 */
#ifndef MCUFORGE_SESSION_H
#define MCUFORGE_SESSION_H

#include "board.h"
#include "frame.h"

#define SESSION_PROTOCOL 5U
#define SESSION_WINDOW ((uint32_t)BOARD_RING_BYTES / FRAME_WIRE_BYTES) /* frames under way */
#if BOARD_RING_BYTES < 2 * FRAME_WIRE_BYTES
#error "the receive ring must hold two frames"
#endif
#define SESSION_NOTICE 0xFFU
#define SESSION_TIMED_STEPS 4 /* eight bytes of RAM each */

enum session_kind {
    SESSION_HELLO = 1,
    SESSION_TENSOR = 2,
    SESSION_WRITE = 3,
    SESSION_READ = 4,
    SESSION_RUN = 5,
    SESSION_COUNTERS = 6,
    SESSION_OPEN = 7
};

enum session_mode { SESSION_PLAIN = 0, SESSION_POISON = 1, SESSION_TIME_STEPS = 2 };
#define SESSION_GOES_ON 0x100U /* added to the mode */

enum session_space { SESSION_INPUT = 0, SESSION_OUTPUT = 1, SESSION_ARENA = 2 };

enum session_status {
    SESSION_OK = 0,
    SESSION_RUNNING = 1,
    SESSION_BAD_FRAME = 2, /* damaged on the way */
    SESSION_UNKNOWN = 3,   /* not a kind of request */
    SESSION_RANGE = 4,     /* a tensor, step or byte that does not exist */
    SESSION_CLOSED = 5,    /* no OPEN since the board started, or since it ran a text command */
    SESSION_MODEL = 6,     /* the model refused its arena or failed in a run */
    SESSION_STALE = 7,     /* of another session, or executed before */
    SESSION_GAP = 8,       /* a request before this one has not arrived */
    SESSION_INPUTS = 9     /* the inputs are not those that RUN was sent for */
};

/* Serves one request. */
void session_serve(const struct frame *request);

/* Tell the host that a frame was damaged. */
void session_refuse_frame(void);

/* End the session: something else used the model. */
void session_close(void);

#endif
