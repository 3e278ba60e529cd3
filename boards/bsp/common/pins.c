/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pins of board.h: those that the board's file names, or, where QEMU emulates the board, lines
 * of text to the emulator. A line is PINS_MARK, the number of the pin, its level, and board_ticks()
 * in hex. boards/emulator/qemu.py looks for PINS_MARK in an image, and boards/instruments/edges.py
 * reads the lines.
 */
#include "board.h"
#include "board_config.h"
#include "family.h"

/* at rest */
static const bool rests_high[BOARD_PINS] = {true, true, false};

#if defined(BOARD_EMULATED)

#include "semihost.h"

#define PINS_MARK "mcuforge-pin "
#define DIGITS 16u /* of 64 bits */

void board_pins_start(void)
{
    for (uint32_t pin = 0; pin < (uint32_t)BOARD_PINS; pin++) {
        board_pin_write((enum board_pin)pin, rests_high[pin]);
    }
}

void board_pin_write(enum board_pin pin, bool high)
{
    const uint64_t ticks = board_ticks();
    char line[4u + DIGITS + 2u];
    line[0] = (char)('0' + (char)pin);
    line[1] = ' ';
    line[2] = high ? '1' : '0';
    line[3] = ' ';
    for (uint32_t i = 0; i < DIGITS; i++) {
        line[4u + i] = "0123456789abcdef"[ticks >> (4u * (DIGITS - 1u - i)) & 15u];
    }
    line[4u + DIGITS] = '\n';
    line[5u + DIGITS] = 0;
    (void)semihost_call(SEMIHOST_WRITE0, PINS_MARK);
    (void)semihost_call(SEMIHOST_WRITE0, line);
}

#elif defined(BOARD_PIN_TIMESTAMP_NUMBER)

static const struct {
    uint8_t port;
    uint8_t number;
} pins[BOARD_PINS] = {
    {BOARD_PIN_TIMESTAMP_PORT, BOARD_PIN_TIMESTAMP_NUMBER},
    {BOARD_PIN_DETECTION_PORT, BOARD_PIN_DETECTION_NUMBER},
    {BOARD_PIN_DUTY_PORT, BOARD_PIN_DUTY_NUMBER},
};

void board_pins_start(void)
{
    for (uint32_t pin = 0; pin < (uint32_t)BOARD_PINS; pin++) {
        family_pin_start(pins[pin].port, pins[pin].number, rests_high[pin]);
    }
}

void board_pin_write(enum board_pin pin, bool high)
{
    family_pin_write(pins[pin].port, pins[pin].number, high);
}

#endif
