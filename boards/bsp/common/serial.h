/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receive ring between the UART's interrupt and board_read().
 *
 * A full ring pauses the interrupt instead of dropping: bytes then wait in the UART, where flow
 * control or an emulator holds the sender back. Without flow control the UART overruns and the
 * family reports it with serial_lost().
 */
#ifndef MCUFORGE_SERIAL_H
#define MCUFORGE_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

/* From the interrupt: whether another byte may be put; if not, the interrupt is now paused. */
bool serial_has_room(void);

/* From the interrupt, after serial_has_room(). */
void serial_put(uint8_t byte);

/* From the interrupt: the UART lost at least one byte. */
void serial_lost(void);

/* The architecture's switch of the one interrupt the firmware uses. */
void interrupt_enable(void);
void interrupt_disable(void);

#endif
