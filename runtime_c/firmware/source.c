/* SPDX-License-Identifier: Apache-2.0 */
#include "source.h"

#include <stddef.h>
#include <string.h>

#include "check_model.h"
#include "feed.h"
#include "frame.h"

#define NO_ROW UINT32_MAX

static struct {
    bool use_db;
    uint32_t input; /* whose row is staged */
    uint32_t row;   /* the row staged, or NO_ROW */
    uint32_t wanted_input;
    uint32_t wanted_row;
} source = {.row = NO_ROW};

bool source_streams(void)
{
    return mcuforge_check_model.staging != NULL;
}

void source_forget(void)
{
    source.row = NO_ROW;
    source.use_db = false;
}

void source_use_db(bool use)
{
    source.use_db = use;
}

bool source_stage(uint32_t input, uint32_t offset, const uint8_t *data, uint32_t size)
{
    const uint32_t row_bytes = mcuforge_check_model.inputs[input].row_bytes;
    const uint32_t at = offset % row_bytes;
    if (size == 0U || size > row_bytes - at) { /* the row before would be taken for this one */
        return false;
    }
    source.input = input;
    source.row = offset / row_bytes;
    memcpy(mcuforge_check_model.staging + at, data, size);
    return true;
}

uint32_t source_crc(void)
{
    if (source.row == NO_ROW) {
        return 0;
    }
    const uint32_t row_bytes = mcuforge_check_model.inputs[source.input].row_bytes;
    return frame_crc32(0, mcuforge_check_model.staging, row_bytes);
}

uint32_t source_input_wanted(void)
{
    return source.wanted_input;
}

uint32_t source_row_wanted(void)
{
    return source.wanted_row;
}

int32_t check_read_row(void *context, int32_t input, int32_t row, void *to)
{
    (void)context;
    if (source.use_db && input == 0) {
        feed_row((uint32_t)row, to);
        return 0;
    }
    if (source.row == (uint32_t)row && source.input == (uint32_t)input) {
        memcpy(to, mcuforge_check_model.staging, mcuforge_check_model.inputs[input].row_bytes);
        source.row = NO_ROW; /* the next inference has a row of the same number */
        return 0;
    }
    source.wanted_input = (uint32_t)input;
    source.wanted_row = (uint32_t)row;
    return 1;
}
