/* SPDX-License-Identifier: Apache-2.0 */
#include "feed.h"

#include <string.h>

#include "check_model.h"

#define PIXEL_OFFSET 128 /* of CHECK_FEED_U8 */

static const struct check_tensor *input(void)
{
    return &mcuforge_check_model.inputs[0];
}

uint32_t feed_bytes(void)
{
    const uint32_t wire =
        mcuforge_check_model.feed == CHECK_FEED_F32 ? 4U * input()->elements : input()->bytes;
    return mcuforge_check_model.db != NULL && wire <= mcuforge_check_model.db_bytes ? wire : 0;
}

static float float_at(const uint8_t *bytes, uint32_t index)
{
    float value;
    memcpy(&value, bytes + 4U * index, sizeof value);
    return value;
}

/* round(real / scale) + zero point, halves away from zero, saturated; not-a-number is zero. */
static int32_t quantize(float real, int32_t min, int32_t max)
{
    const float scaled = real / input()->scale;
    const float limit = 1e6F; /* far outside 8 bits, well inside int32 */
    if (scaled != scaled) {
        return input()->zero_point;
    }
    const float bounded = scaled > limit ? limit : (scaled < -limit ? -limit : scaled);
    const int32_t whole = (int32_t)bounded;
    const float rest = bounded - (float)whole;
    const int32_t rounded = whole + (rest >= 0.5F ? 1 : 0) - (rest <= -0.5F ? 1 : 0);
    const int32_t value = rounded + input()->zero_point;
    return value < min ? min : (value > max ? max : value);
}

static float real_value(const struct check_tensor *tensor, const uint8_t *bytes, uint32_t index)
{
    int32_t raw;
    switch (tensor->dtype) {
    case CHECK_FLOAT32:
        return float_at(bytes, index);
    case CHECK_INT32:
        memcpy(&raw, bytes + 4U * index, sizeof raw);
        break;
    case CHECK_INT8:
        raw = (int8_t)bytes[index];
        break;
    case CHECK_UINT8:
    default:
        raw = bytes[index];
        break;
    }
    /* in float: an int32 output minus its zero point may not fit int32 */
    return tensor->scale * ((float)raw - (float)tensor->zero_point);
}

/* The real value of received element `index`. */
static float received_value(uint32_t index)
{
    const uint8_t *const db = mcuforge_check_model.db;
    if (mcuforge_check_model.feed == CHECK_FEED_F32) {
        return float_at(db, index);
    }
    if (mcuforge_check_model.feed == CHECK_FEED_U8 && input()->dtype == CHECK_INT8) {
        const uint8_t shifted = (uint8_t)(db[index] - PIXEL_OFFSET);
        return real_value(input(), &shifted, 0);
    }
    return real_value(input(), db, index);
}

/* Write bytes [first, first + size) of input 0 from the received bytes. */
static void convert(uint32_t first, uint32_t size, uint8_t *to)
{
    const uint8_t *const db = mcuforge_check_model.db;
    const enum check_dtype dtype = input()->dtype;
    if (mcuforge_check_model.feed == CHECK_FEED_U8 && dtype == CHECK_INT8) {
        for (uint32_t i = 0; i < size; i++) {
            to[i] = (uint8_t)(db[first + i] - PIXEL_OFFSET);
        }
    } else if (mcuforge_check_model.feed == CHECK_FEED_F32 && dtype == CHECK_INT8) {
        for (uint32_t i = 0; i < size; i++) {
            to[i] = (uint8_t)quantize(float_at(db, first + i), -128, 127);
        }
    } else if (mcuforge_check_model.feed == CHECK_FEED_F32 && dtype == CHECK_UINT8) {
        for (uint32_t i = 0; i < size; i++) {
            to[i] = (uint8_t)quantize(float_at(db, first + i), 0, 255);
        }
    } else {
        memcpy(to, db + first, size);
    }
}

void feed_load(void)
{
    uint8_t *const to = mcuforge_check_model.input(0);
    if (feed_bytes() > 0U && to != NULL) {
        convert(0, input()->bytes, to);
    }
}

void feed_row(uint32_t row, uint8_t *to)
{
    convert(row * input()->row_bytes, input()->row_bytes, to);
}

float feed_output_value(uint32_t index)
{
    return real_value(&mcuforge_check_model.outputs[0], mcuforge_check_model.output(0), index);
}

float feed_squared_error(void)
{
    const uint32_t outputs = mcuforge_check_model.outputs[0].elements;
    const uint32_t count = outputs < input()->elements ? outputs : input()->elements;
    float sum = 0.0F;
    for (uint32_t i = 0; i < count; i++) {
        const float difference = feed_output_value(i) - received_value(i);
        sum += difference * difference;
    }
    return sum / (float)count;
}
