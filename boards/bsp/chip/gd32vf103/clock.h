/* SPDX-License-Identifier: Apache-2.0 */
/* The clock tree of the GD32VF103: from the board's oscillator to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#define IRC8M_HZ 8000000u /* after reset; User Manual, 'Internal 8M RC oscillators (IRC8M)' */

/*
 * Runs core, AHB and APB2 at BOARD_CLOCK_HZ and APB1 at half of it. Returns 0, or, in words of a
 * fault report, what did not become ready: the core then runs on the internal oscillator.
 */
const char *clock_start(void);

#endif
