/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control and status registers, by the name the assembler knows.
 *
 * Since GCC 12 these instructions are a separate extension. With the extension in -march the
 * compiler would not find the prebuilt C libraries, which exist for rv32imac only. So the code
 * switches it on here.
 */
#ifndef MCUFORGE_CSR_H
#define MCUFORGE_CSR_H

#if __GNUC__ >= 12
#define CSR_EXTENSION ".option push\n .option arch, +zicsr\n"
#define CSR_EXTENSION_END "\n .option pop"
#else
#define CSR_EXTENSION ""
#define CSR_EXTENSION_END ""
#endif

#ifdef __ASSEMBLER__
#if __GNUC__ >= 12
    .option arch, +zicsr
#endif
#else

#include <stdint.h>

#define CSR_ASM(instruction) CSR_EXTENSION instruction CSR_EXTENSION_END

#define CSR_READ(name)                                                      \
    __extension__({                                                         \
        uint32_t csr_value;                                                 \
        __asm volatile(CSR_ASM("csrr %0, " #name) : "=r"(csr_value));       \
        csr_value;                                                          \
    })
#define CSR_WRITE(name, value) \
    __asm volatile(CSR_ASM("csrw " #name ", %0")::"r"((uint32_t)(value)) : "memory")
#define CSR_SET(name, bits) \
    __asm volatile(CSR_ASM("csrs " #name ", %0")::"r"((uint32_t)(bits)) : "memory")
#define CSR_CLEAR(name, bits) \
    __asm volatile(CSR_ASM("csrc " #name ", %0")::"r"((uint32_t)(bits)) : "memory")

#endif
#endif
