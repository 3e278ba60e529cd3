/* SPDX-License-Identifier: Apache-2.0 */
/* The cycle counter of the data watchpoint unit: ARMv7-M (DDI 0403), C1.6.5 (DEMCR), C1.8. */
#ifndef MCUFORGE_DWT_H
#define MCUFORGE_DWT_H

#include <stdint.h>

#include "reg.h"

#define DEMCR REG32(0xE000EDFCu)
#define DWT_CTRL REG32(0xE0001000u)
#define DWT_CYCCNT REG32(0xE0001004u)

#define DEMCR_TRCENA (1u << 24)       /* powers the unit */
#define DWT_CTRL_CYCCNTENA (1u << 0)

static inline void dwt_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

#endif
