/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second stage of the boot: the first 256 bytes of the flash. RP2040 Datasheet, 'Flash Second
 * Stage': the bootrom copies them to the end of SRAM5, compares the CRC-32 in the last 4 bytes
 * with its own, and jumps to the copy. The code runs at another address than it is linked for, so
 * it uses no address of its own.
 *
 * It makes flash readable at 0x10000000, as fast as the chip on a Pico can: Winbond W25Q16JV
 * Datasheet, 'Fast Read Quad I/O (EBh)', in continuous read mode: no command byte per read. If
 * quad mode is off, it is switched on until the next power-down only: nothing is worn out.
 *
 * A change needs a new CRC at the end: tests/emulated/test_rp2040.py computes it from the
 * assembled bytes, and prints it when it differs.
 */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

/* RP2040 Datasheet, 'SSI', 'List of Registers' */
    .equ SSI, 0x18000000
    .equ CTRLR0, 0x00
    .equ CTRLR1, 0x04
    .equ SSIENR, 0x08
    .equ SER, 0x10
    .equ BAUDR, 0x14
    .equ SR, 0x28
    .equ DR0, 0x60
    .equ RX_SAMPLE_DLY, 0xF0 /* too far for a load or store with an immediate offset */
    .equ SPI_CTRLR0, 0xF4
    .equ SR_BUSY, 1 << 0
    .equ SR_SEND_EMPTY, 1 << 2
    /* DFS_32: bits per frame, less 1; TMOD 3: EEPROM read; SPI_FRF 2: quad */
    .equ BYTES_BOTH_WAYS, 7 << 16
    .equ QUAD_READ, (2 << 21) | (31 << 16) | (3 << 8)
    /* WAIT_CYCLES 4; ADDR_L 8: 32 bits of address and mode, in units of 4 */
    .equ ADDRESS_AND_MODE, (4 << 11) | (8 << 2)
    /* INST_L 2: a command of 8 bits; TRANS_TYPE 1: the command on one line, the rest on four */
    .equ WITH_COMMAND, ADDRESS_AND_MODE | (2 << 8) | 1
    /* INST_L 0: none, XIP_CMD follows the address as mode bits; TRANS_TYPE 2: all on four lines */
    .equ WITHOUT_COMMAND, ADDRESS_AND_MODE | (MODE_CONTINUE << 24) | 2

    .equ CLOCK_DIVISOR, 2 /* even; 62.5 MHz of 125, and the flash takes 133 */

/* RP2040 Datasheet, 'Pads', 'List of Registers - QSPI Bank' */
    .equ PADS_QSPI, 0x40020000
    .equ PAD_SCLK, 0x04
    .equ PAD_SD0, 0x08
    .equ PAD_FAST_8_MA, (2 << 4) | 1  /* DRIVE, SLEWFAST */
    .equ PAD_WITHOUT_SCHMITT, (1 << 6) | (1 << 4) /* IE, DRIVE as after a reset */

/* W25Q16JV Datasheet, 'Instruction Set Table' */
    .equ CMD_READ_STATUS_2, 0x35
    .equ CMD_WRITE_STATUS_2, 0x31
    .equ CMD_VOLATILE_WRITE_ENABLE, 0x50
    .equ CMD_READ_QUAD, 0xEB
    .equ STATUS_2_QUAD, 0x02 /* QE */
    .equ MODE_CONTINUE, 0xA0 /* M5-4 are 10: the next read has no command byte */

    .equ VECTORS, 0x10000100
    .equ PATIENCE, 1 << 16 /* reads of SR; a transfer takes some hundred cycles */

    .section .boot2, "ax"
    .globl boot2
    .type boot2, %function
    .thumb_func
boot2:
    ldr r3, pads
    movs r0, #PAD_FAST_8_MA
    str r0, [r3, #PAD_SCLK]
    movs r0, #PAD_WITHOUT_SCHMITT
    str r0, [r3, #PAD_SD0]
    str r0, [r3, #PAD_SD0 + 4]
    str r0, [r3, #PAD_SD0 + 8]
    str r0, [r3, #PAD_SD0 + 12]

    ldr r3, ssi
    movs r6, #0
    movs r7, #1
    str r6, [r3, #SSIENR] /* all else changes only while the SSI is off */
    movs r0, #CLOCK_DIVISOR
    str r0, [r3, #BAUDR]
    movs r1, #RX_SAMPLE_DLY
    str r7, [r3, r1] /* at divisor 2 a bit arrives a cycle after its edge */
    str r7, [r3, #SER]
    ldr r0, bytes_both_ways
    str r0, [r3, #CTRLR0]
    str r7, [r3, #SSIENR]

    movs r0, #CMD_READ_STATUS_2
    movs r1, #0
    bl transfer_two
    movs r4, #STATUS_2_QUAD
    tst r0, r4
    bne quad_is_on
    orrs r4, r0
    movs r0, #CMD_VOLATILE_WRITE_ENABLE
    str r0, [r3, #DR0]
    bl wait
    ldr r0, [r3, #DR0]
    movs r0, #CMD_WRITE_STATUS_2
    movs r1, r4
    bl transfer_two

quad_is_on:
    /* one read with the command, whose mode bits tell the flash to expect none from now on */
    str r6, [r3, #SSIENR]
    ldr r0, quad_read
    str r0, [r3, #CTRLR0]
    str r6, [r3, #CTRLR1] /* one frame */
    movs r1, #SPI_CTRLR0
    ldr r0, with_command
    str r0, [r3, r1]
    str r7, [r3, #SSIENR]
    movs r0, #CMD_READ_QUAD
    str r0, [r3, #DR0]
    movs r0, #MODE_CONTINUE /* below address 0 */
    str r0, [r3, #DR0]
    bl wait

    str r6, [r3, #SSIENR]
    movs r1, #SPI_CTRLR0
    ldr r0, without_command
    str r0, [r3, r1]
    str r7, [r3, #SSIENR]

    /* the flash can be read: start as a Cortex-M does, with stack pointer and first instruction */
    ldr r0, vector_table
    ldr r1, [r0, #0]
    ldr r0, [r0, #4]
    msr msp, r1
    bx r0

/* Sends the bytes r0 and r1; returns the second one that came back in r0. */
    .type transfer_two, %function
    .thumb_func
transfer_two:
    mov r5, lr
    str r0, [r3, #DR0]
    str r1, [r3, #DR0]
    bl wait
    ldr r0, [r3, #DR0]
    ldr r0, [r3, #DR0]
    bx r5

/*
 * Waits until all is sent; r0 to r2 change. After PATIENCE it goes on: there is nothing yet that
 * could report, and the first read of flash will fault.
 */
    .type wait, %function
    .thumb_func
wait:
    ldr r2, patience
1:  subs r2, #1
    beq 2f
    ldr r0, [r3, #SR]
    movs r1, #SR_BUSY | SR_SEND_EMPTY
    ands r0, r1
    cmp r0, #SR_SEND_EMPTY
    bne 1b
2:  bx lr

    .balign 4
ssi:
    .word SSI
pads:
    .word PADS_QSPI
bytes_both_ways:
    .word BYTES_BOTH_WAYS
quad_read:
    .word QUAD_READ
with_command:
    .word WITH_COMMAND
without_command:
    .word WITHOUT_COMMAND
vector_table:
    .word VECTORS
patience:
    .word PATIENCE

    .org boot2 + 252
    .word 0x59703415 /* CRC-32 of the 252 bytes: polynomial 04C11DB7h from FFFFFFFFh, not reflected */
