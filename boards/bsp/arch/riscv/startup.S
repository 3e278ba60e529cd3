/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RISC-V start-up and trap entry, machine mode only (The RISC-V Instruction Set Manual, volume II,
 * section 3.1). The first instruction of the image: the reset code of every board jumps here.
 */
#include "chip.h"
#include "csr.h"

/* The low bits of mtvec, which choose how traps are taken: 0 is direct. */
#ifndef CHIP_TRAP_MODE
#define CHIP_TRAP_MODE 0
#endif

    .section .boot, "ax"
    .globl reset_entry
reset_entry:
    /* Some chips start in another view of the flash. Below, addresses count from the pc: go on
     * where the linker has put this code. */
    lui t0, %hi(1f)
    jr %lo(1f)(t0)
1:  csrw mie, zero
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, board_stack_high
    la t0, trap_entry
    addi t0, t0, CHIP_TRAP_MODE
    csrw mtvec, t0

    la t0, board_data_load
    la t1, board_data_start
    la t2, board_data_end
2:  bgeu t1, t2, 3f
    lw t3, 0(t0)
    sw t3, 0(t1)
    addi t0, t0, 4
    addi t1, t1, 4
    j 2b
3:  la t1, board_bss_start
    la t2, board_bss_end
4:  bgeu t1, t2, 5f
    sw zero, 0(t1)
    addi t1, t1, 4
    j 4b
5:  call main
    tail board_halt

/*
 * An interrupt saves the registers that C may change on the current stack. An exception never
 * returns, and the stack may have overflowed: it starts again at the top of the stack.
 */
    .section .text.trap_entry, "ax"
    .align 6 /* what the cores with an ECLIC want of mtvec; 2 is enough for the others */
trap_entry:
    csrw mscratch, t0
    csrr t0, mcause
    bltz t0, 1f
    mv a0, sp
    la sp, board_stack_high
    tail exception_taken

1:  csrr t0, mscratch
    addi sp, sp, -64
    sw ra, 0(sp)
    sw t0, 4(sp)
    sw t1, 8(sp)
    sw t2, 12(sp)
    sw t3, 16(sp)
    sw t4, 20(sp)
    sw t5, 24(sp)
    sw t6, 28(sp)
    sw a0, 32(sp)
    sw a1, 36(sp)
    sw a2, 40(sp)
    sw a3, 44(sp)
    sw a4, 48(sp)
    sw a5, 52(sp)
    sw a6, 56(sp)
    sw a7, 60(sp)
    call interrupt_taken
    lw ra, 0(sp)
    lw t0, 4(sp)
    lw t1, 8(sp)
    lw t2, 12(sp)
    lw t3, 16(sp)
    lw t4, 20(sp)
    lw t5, 24(sp)
    lw t6, 28(sp)
    lw a0, 32(sp)
    lw a1, 36(sp)
    lw a2, 40(sp)
    lw a3, 44(sp)
    lw a4, 48(sp)
    lw a5, 52(sp)
    lw a6, 56(sp)
    lw a7, 60(sp)
    addi sp, sp, 64
    mret
