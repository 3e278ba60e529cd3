/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include "board.h"
#include "family.h"

static void send_text(const char *text)
{
    for (; *text != '\0'; text++) {
        family_send((uint8_t)*text);
    }
}

static void send_hex(uint32_t value)
{
    send_text("0x");
    for (int32_t shift = 28; shift >= 0; shift -= 4) {
        family_send((uint8_t)"0123456789abcdef"[(value >> shift) & 15u]);
    }
}

void fault_report(const char *kind, const struct fault_word *words, int32_t count)
{
    send_text("\r\nm-fault-["); /* the fault may have cut another line short */
    send_text(kind);
    for (int32_t i = 0; i < count; i++) {
        send_text(" ");
        send_text(words[i].name);
        send_text("=");
        send_hex(words[i].value);
    }
    send_text("]\r\n");
    board_halt();
}
