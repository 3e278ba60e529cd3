/* SPDX-License-Identifier: Apache-2.0 */
/* The clock tree of the RP2040: from the board's crystal to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#define ROSC_HZ 6500000u /* after reset, 1.8 to 12 MHz: RP2040 Datasheet, 'Ring Oscillator (ROSC)' */

/*
 * Runs the core at BOARD_CLOCK_HZ, and the timer at 1 MHz. Returns 0, or, in words of a fault
 * report, what did not become ready: the core then runs on the ring oscillator or on the crystal.
 */
const char *clock_start(void);

enum clock_source {
    CLOCK_RING_OSCILLATOR = 0, /* ROSC_HZ, more or less */
    CLOCK_CRYSTAL = 1,         /* BOARD_OSCILLATOR_HZ */
    CLOCK_PLL = 2              /* BOARD_CLOCK_HZ */
};

/* Lets the UART run at the clock of the core; returns which one that is. */
enum clock_source clock_uart(void);

#endif
