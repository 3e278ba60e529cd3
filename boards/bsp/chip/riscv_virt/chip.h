/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's RISC-V virt machine: hw/riscv/virt.c, virt_memmap and VIRT_*_IRQ of QEMU 7.2. */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#define CHIP_PLIC 0x0C000000u
#define CHIP_UART_INTERRUPT 10u
#define CHIP_STACK_GUARD_BYTES 65536u /* forbidden by the physical memory protection */

#endif
