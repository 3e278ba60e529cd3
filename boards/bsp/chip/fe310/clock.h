/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the FE310-G002: from the board's crystal to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#define HFROSC_HZ 13800000u /* about: "Internal Trimmable Programmable 72 MHz Oscillator (HFROSC)" */

/*
 * Runs the core, and with it the UART, at BOARD_CLOCK_HZ. Returns 0, or, in words of a fault report,
 * what did not become ready: the core then runs on the ring oscillator.
 */
const char *clock_start(void);

#endif
