/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that a chip family implements and the shared start-up code calls. A family also has
 * a chip.h with its interrupt numbers, and implements board_ticks() of board.h if the architecture
 * has no counter of its own. board_chip_id(), board_reset_reason() and board_core() are its to
 * implement where the chip has such registers.
 */
#ifndef MCUFORGE_FAMILY_H
#define MCUFORGE_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

/* Clocks, UART and timer; the receive interrupt is on in the UART, not yet at the controller. */
void family_init(void);

/* Send one byte; returns when it is in the UART's transmit register. */
void family_send(uint8_t byte);

/*
 * The UART's receive interrupt: serial_put() every byte it holds while serial_has_room(), and leave
 * the rest with the interrupt pending.
 */
void family_receive(void);

/* Makes a pin an output, which drives `high` from its first moment on; board.h, `enum board_pin`. */
void family_pin_start(uint32_t port, uint32_t number, bool high);
void family_pin_write(uint32_t port, uint32_t number, bool high);

#endif
