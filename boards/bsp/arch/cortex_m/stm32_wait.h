/* SPDX-License-Identifier: Apache-2.0 */
/* How long start-up code of an STM32 waits for a register. */
#ifndef MCUFORGE_STM32_WAIT_H
#define MCUFORGE_STM32_WAIT_H

/*
 * Reads of a register before what it should show is given up. At 16 MHz, the clock of an F4 or F7
 * after a reset, a read and its loop take some 10 cycles, so this is half a second: 2 s at the
 * 4 MHz of an L4, an eighth of a second at the 64 MHz of an H7. The slowest is a crystal, with
 * milliseconds (data sheets, 'HSE oscillator characteristics').
 */
#define PATIENCE 800000u

#include "wait.h"

#endif
