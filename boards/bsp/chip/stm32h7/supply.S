/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From reset to reset_entry(). RM0433, 'System supply startup': until the supply has been chosen the
 * core is in the mode Run*, where writes to RAM are lost. So this uses no stack. The choice is made
 * once per power-on; later resets find it made.
 */
    .syntax unified
    .thumb

#define PWR 0x58024800      /* RM0433, 'Memory organization' */
#define PWR_CSR1 0x04       /* 'PWR control status register 1' */
#define PWR_CR3 0x0C        /* 'PWR control register 3' */
#define CR3_LDO 2           /* LDOEN, without BYPASS: the internal regulator */
#define CSR1_READY_AT 13    /* ACTVOSRDY: the voltage is what VOS says */
#define PATIENCE 800000     /* reads: an eighth of a second at 64 MHz */

    .section .text.supply_entry, "ax"
    .globl supply_entry
    .type supply_entry, %function
    .thumb_func
supply_entry:
    ldr r0, =PWR
    movs r1, #CR3_LDO
    str r1, [r0, #PWR_CR3]
    ldr r1, =PATIENCE
1:  ldr r2, [r0, #PWR_CSR1]
    lsls r2, r2, #(31 - CSR1_READY_AT)
    bmi 2f
    subs r1, #1
    bne 1b /* clock_start() reports a supply that never came */
2:  ldr r1, =reset_entry
    bx r1
    .ltorg
