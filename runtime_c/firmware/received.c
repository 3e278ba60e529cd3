/* SPDX-License-Identifier: Apache-2.0 */
#include "received.h"

#include <stddef.h>
#include <stdint.h>

#include "check_model.h"
#include "command.h"
#include "feed.h"
#include "stream.h"
#include "text.h"

#define PRINT_COLUMNS 8U

static struct {
    uint32_t size;     /* bytes announced by `db load`, or 0 */
    uint32_t position; /* bytes of it received */
} received;

/* Where the bytes go. */
static uint8_t *place(void)
{
    uint8_t *const chunk = STREAM_LISTENS ? stream_room(received.size) : NULL;
    return chunk != NULL ? chunk : mcuforge_check_model.db;
}

static void expect(void)
{
    const char *const token = command_next();
    if (token == NULL) {
        text_put("e-[Command 'db load' requires the # of bytes]\r\n");
        return;
    }
    const int32_t size = command_number(token);
    received.size = 0;
    received.position = 0;
    if (size <= 0) {
        text_put("e-[Command 'db load' must be >0 bytes]\r\n");
    } else if ((uint32_t)size > feed_bytes()) {
        text_put_number("Supplied buffer size ", size, " exceeds maximum of ");
        text_put_u64(feed_bytes());
        text_put("\n"); /* the one line of the protocol without "\r" */
    } else {
        received.size = (uint32_t)size;
        text_put_number("m-[Expecting ", size, " bytes]\r\n");
    }
}

static void print(void)
{
    const char *const count_token = command_next();
    const char *const offset_token = count_token != NULL ? command_next() : NULL;
    const int32_t offset = offset_token != NULL ? command_number(offset_token) : 0;
    const int32_t count = count_token != NULL ? command_number(count_token) : (int32_t)received.size;
    if (offset < 0 || count < 0) {
        text_put("e-[Command 'db print' takes no negative numbers]\r\n");
        return;
    }
    const uint32_t first = (uint32_t)offset < received.size ? (uint32_t)offset : received.size;
    const uint32_t left = received.size - first;
    const uint32_t shown = (uint32_t)count < left ? (uint32_t)count : left;
    for (uint32_t i = 0; i < shown; i++) {
        text_put(i % PRINT_COLUMNS == 0U ? "m-buffer-" : "-");
        text_put_hex(place()[first + i]);
        text_put(i % PRINT_COLUMNS == PRINT_COLUMNS - 1U || i == shown - 1U ? "\r\n" : "");
    }
}

/* The value of a hex digit, or -1. */
static int32_t hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void fill(const char *hex)
{
    uint32_t digits = 0;
    while (hex[digits] != '\0') {
        digits++;
    }
    if (digits % 2U != 0U) {
        text_put("e-[Insufficent number of hex digits]\r\n"); /* the protocol's own spelling */
        return;
    }
    for (uint32_t i = 0; i < digits; i += 2U) {
        const int32_t high = hex_value(hex[i]);
        const int32_t low = hex_value(hex[i + 1U]);
        if (high < 0 || low < 0) {
            const char pair[3] = {hex[i], hex[i + 1U], '\0'};
            text_put("e-[Invalid hex digit '");
            text_put_printable(pair);
            text_put("']\r\n");
            return;
        }
        if (received.position == received.size) {
            text_put("e-[Command 'db load' must come first]\r\n");
            return;
        }
        place()[received.position] = (uint8_t)(high * 16 + low);
        received.position++;
        if (received.position == received.size) {
            text_put("m-load-done\r\n");
            if (STREAM_LISTENS && place() != mcuforge_check_model.db) {
                stream_loaded();
            }
            return; /* the remaining digits are ignored */
        }
    }
    if (STREAM_LISTENS) {
        text_put_number("", (int32_t)received.position, " bytes received\r\n");
    }
}

/* Continues a load at an earlier byte: what followed it was damaged on the line. */
static void set_position(void)
{
    const char *const token = command_next();
    const int32_t position = token != NULL ? command_number(token) : -1;
    if (position < 0 || (uint32_t)position > received.size) {
        text_put("e-[Command 'db setptr' requires a byte of the load]\r\n");
    } else {
        received.position = (uint32_t)position;
    }
}

void received_command(void)
{
    const char *const token = command_next();
    if (token == NULL) {
        text_put("e-[Command 'db' requires a subcommand]\r\n");
    } else if (command_is(token, "load")) {
        expect();
    } else if (command_is(token, "print")) {
        print();
    } else if (STREAM_LISTENS && command_is(token, "getptr")) {
        text_put_number("m-buff-ptr-", (int32_t)received.position, "\r\n");
    } else if (STREAM_LISTENS && command_is(token, "setptr")) {
        set_position();
    } else {
        fill(token);
    }
}
