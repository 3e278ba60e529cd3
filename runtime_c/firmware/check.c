/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdint.h>

#include "board.h"
#include "frame.h"
#include "measure.h"
#include "mlperf.h"
#include "session.h"

enum mode {
    MODE_TEXT,
    MODE_BORDER, /* after a zero: the next byte says what begins */
    MODE_FRAME
};

static struct {
    enum mode mode;
    uint64_t last_ticks; /* when the last byte of an unfinished frame arrived */
} line;

static void end_frame(void)
{
    struct frame request;
    if (!frame_end(&request)) {
        session_refuse_frame();
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
    } else {
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
    int32_t byte = board_read();
    if (byte >= 0) {
        while (byte >= 0) {
            take((uint8_t)byte);
            byte = board_read();
        }
        line.last_ticks = board_ticks();
    } else if (line.mode == MODE_FRAME && board_ticks() - line.last_ticks > board_tick_hz / 4U) {
        /* the rest was lost: accept commands again instead of waiting for a zero */
        line.mode = MODE_TEXT;
        session_refuse_frame();
    }
}
