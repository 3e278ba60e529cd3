/* SPDX-License-Identifier: Apache-2.0 */
/* Cortex-M vector table and the way into a fault (ARMv7-M Architecture Reference Manual, B1.5). */
#include "chip.h"

#if !defined(CHIP_RESET_ENTRY)
#define CHIP_RESET_ENTRY reset_entry
#endif

    .syntax unified
    .thumb

    .section .boot, "a"
    .globl vectors
vectors:
    .word board_stack_high
    .word CHIP_RESET_ENTRY
    .rept 14                        /* NMI, faults, and the system exceptions nobody uses */
    .word fault_entry
    .endr
    .rept CHIP_UART_INTERRUPT
    .word fault_entry
    .endr
    .word family_receive
    .rept CHIP_INTERRUPTS - CHIP_UART_INTERRUPT - 1
    .word fault_entry
    .endr

/*
 * Hands the frame that the core pushed to fault_taken(). If too little stack is left below it for
 * the report, as after an overflow, the report starts at the top of the stack.
 */
    .section .text.fault_entry, "ax"
    .type fault_entry, %function
    .thumb_func
fault_entry:
    mrs r0, msp
    ldr r1, =board_stack_low + 512
    cmp r0, r1
    bhs 1f
    ldr r1, =board_stack_high
    msr msp, r1
1:  ldr r1, =fault_taken /* too far for a branch of Armv6-M */
    bx r1
    .ltorg
