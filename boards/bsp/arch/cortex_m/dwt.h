/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle counter of the data watchpoint unit: ARMv7-M (DDI 0403), C1.6.5 (DEMCR), C1.8. */
#ifndef MCUFORGE_DWT_H
#define MCUFORGE_DWT_H

#include <stdint.h>

#include "chip.h"
#include "reg.h"

#define DEMCR REG32(0xE000EDFCu)
#define DWT_CTRL REG32(0xE0001000u)
#define DWT_CYCCNT REG32(0xE0001004u)
#define DWT_LAR REG32(0xE0001FB0u) /* CoreSight (IHI 0029), 'Software Lock Access Register' */

#define DEMCR_TRCENA (1u << 24)       /* powers the unit */
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_LAR_KEY 0xC5ACCE55u       /* unlocks the registers of the unit */

static inline void dwt_start(void)
{
    DEMCR |= DEMCR_TRCENA;
#if defined(CHIP_DWT_IS_LOCKED)
    DWT_LAR = DWT_LAR_KEY;
#endif
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

#endif
