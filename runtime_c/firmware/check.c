/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "frame.h"
#include "measure.h"
#include "mlperf.h"
#include "session.h"
#include "stream.h"

enum mode {
    MODE_TEXT,
    MODE_BORDER, /* after a zero: the next byte says what begins */
    MODE_FRAME,
    MODE_LOST /* a frame broke off: what follows may be its tail, and is no text */
};

static struct {
    enum mode mode;
    uint64_t last_ticks; /* when the last byte arrived, or the wait for more of a frame ended */
} line;

static void end_frame(void)
{
    struct frame request;
    if (!frame_end(&request)) {
        session_refuse_frame();
    } else if (request.kind >= FRAME_NO_REQUEST) {
        return; /* an answer: a line that sends our own bytes back must not make us talk for ever */
    } else if (request.asks_version) {
        frame_send_version(&request, SESSION_PROTOCOL);
    } else {
        session_serve(&request);
    }
}

static void take(uint8_t byte)
{
    if (byte == 0U) {
        if (line.mode == MODE_FRAME) {
            end_frame();
        }
        mlperf_forget();
        line.mode = MODE_BORDER;
    } else if (line.mode == MODE_FRAME) {
        frame_push(byte);
    } else if (line.mode == MODE_BORDER && byte == FRAME_SYNC) {
        frame_begin();
        line.mode = MODE_FRAME;
    } else if (line.mode != MODE_LOST) {
        line.mode = MODE_TEXT;
        mlperf_take((char)byte);
    }
}

void check_init(void)
{
    board_init();
    line.mode = MODE_TEXT;
    (void)measure_init(); /* a refusal is reported when the host asks for a run */
    mlperf_start();
}

void check_poll(void)
{
    const uint64_t patience = board_tick_hz / 4U;
    if (STREAM_LISTENS) {
        stream_poll();
    }
    int32_t byte = board_read();
    if (byte >= 0) {
        while (byte >= 0) {
            take((uint8_t)byte);
            byte = board_read();
        }
        line.last_ticks = board_ticks();
    } else if (line.mode >= MODE_FRAME && board_ticks() - line.last_ticks > patience) {
        /* the rest was lost; after as much silence again accept commands, without a zero */
        const bool broke_off = line.mode == MODE_FRAME;
        line.mode = broke_off ? MODE_LOST : MODE_TEXT;
        line.last_ticks = board_ticks();
        if (broke_off) {
            session_refuse_frame();
        }
    }
}
