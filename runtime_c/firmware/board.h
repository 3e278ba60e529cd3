/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that the check firmware needs of a board; each chip family in boards/bsp has them.
 */
#ifndef MCUFORGE_BOARD_H
#define MCUFORGE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* The id of the board's TOML file. */
extern const char board_id[];

/* Ticks of board_ticks() per second: the board's own seconds, or the emulator's virtual ones. */
extern const uint32_t board_tick_hz;

/* The stack grows down from `board_stack_high` to `board_stack_low` (linker script). */
extern uint8_t board_stack_low[];
extern uint8_t board_stack_high[];

/* Starts clocks, UART, receive interrupt and the free-running counter. */
void board_init(void);

/* The size of the receive ring, a power of two: it must hold two of the longest frames. */
#ifndef BOARD_RING_BYTES
#define BOARD_RING_BYTES 1024
#endif
#if (BOARD_RING_BYTES & (BOARD_RING_BYTES - 1)) != 0
#error "the receive ring needs a power of two"
#endif

/* Returns the next received byte, or -1 if the receive ring is empty. Never blocks. */
int32_t board_read(void);

/* Received bytes lost since the start, because the ring or the UART was full. */
uint32_t board_dropped(void);

/* Sends `size` bytes. Returns when the last one is in the UART's transmit register. */
void board_write(const uint8_t *data, uint32_t size);

/* Reads a free-running 64-bit counter at board_tick_hz. */
uint64_t board_ticks(void);

/*
 * Outputs that instruments watch; the board's file names their pins. A board that is emulated by QEMU
 * has none, and tells the emulator of each edge instead.
 */
enum board_pin {
    BOARD_PIN_TIMESTAMP, /* rests high, and falls at a timestamp */
    BOARD_PIN_DETECTION, /* rests high, and falls when a word is detected */
    BOARD_PIN_DUTY,      /* rests low, and is high while the core is busy */
    BOARD_PINS
};

/* Makes all of them outputs, at rest. Firmware that does not call it leaves the pins alone. */
void board_pins_start(void);

/* Drives one of them. */
void board_pin_write(enum board_pin pin, bool high);

/* The chip's own identification register; 0 if it has none. On STM32: DBGMCU_IDCODE. */
uint32_t board_chip_id(void);

/* What the chip's registers say of the core's clock and of what lies between it and its flash. */
struct board_core {
    uint32_t hz;          /* 0: the board cannot tell any of this */
    uint32_t wait_states; /* cycles that a read of the flash waits, or BOARD_SERIAL_FLASH */
    uint32_t caches;      /* those that are on: BOARD_CACHE_... */
};
#define BOARD_SERIAL_FLASH 0xFFFFFFFFu /* it sits behind a cache and has no wait states */
#define BOARD_CACHE_INSTRUCTION 1u
#define BOARD_CACHE_DATA 2u
#define BOARD_CACHE_PREFETCH 4u
void board_core(struct board_core *core);

/* What started the program. */
enum board_reset {
    BOARD_RESET_UNKNOWN = 0, /* the board cannot tell */
    BOARD_RESET_POWER = 1,   /* power came, or came back */
    BOARD_RESET_PIN = 2,     /* the reset button or the debug probe */
    BOARD_RESET_SOFTWARE = 3,
    BOARD_RESET_WATCHDOG = 4,
    BOARD_RESET_LOW_POWER = 5
};
enum board_reset board_reset_reason(void);

/*
 * The audio input, if a board has one: 16 bits, one channel, at the model's rate. The benchmark's
 * interface board sends it by I2S, two channels of 16 bits at 16 kHz; the first one counts.
 *
 * To wire it, write these three in the chip family's file, with a receiver and buffers that go on by
 * themselves (DMA). The weak ones in boards/bsp/common/board.c say that there is none.
 */

/* Begins to receive. Returns false if the board has no audio input. */
bool board_audio_start(void);
void board_audio_stop(void);

/* Writes the next `count` samples, all or none. Returns false if they have not come yet. */
bool board_audio_read(int16_t *to, uint32_t count);

/* Stop for ever: after a fault report the program cannot continue. */
void board_halt(void) __attribute__((noreturn));

#endif
