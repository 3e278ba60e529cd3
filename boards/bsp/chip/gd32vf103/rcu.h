/* SPDX-License-Identifier: Apache-2.0 */
/* GD32VF103 User Manual, 'Reset and clock unit (RCU)', register definition. */
#ifndef MCUFORGE_RCU_H
#define MCUFORGE_RCU_H

#include "reg.h"

#define RCU_CTL REG32(0x40021000u)    /* 'Control register (RCU_CTL)' */
#define RCU_CFG0 REG32(0x40021004u)   /* 'Clock configuration register 0 (RCU_CFG0)' */
#define RCU_APB2EN REG32(0x40021018u) /* 'APB2 enable register (RCU_APB2EN)' */
#define RCU_RSTSCK REG32(0x40021024u) /* 'Reset source/clock register (RCU_RSTSCK)' */
#define RCU_CFG1 REG32(0x4002102Cu)   /* 'Clock configuration register 1 (RCU_CFG1)' */

#define APB2EN_PORT(port) (1u << (2u + (port))) /* GPIOA is 0 */
#define APB2EN_USART0 (1u << 14)

#endif
