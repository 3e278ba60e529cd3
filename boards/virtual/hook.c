/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts instructions before each block of a virtual processor, and stops it in front of a block
 * when somebody asks for it or when the limit is reached. engine.py compiles this file, and has the
 * same functions in Python for machines without a C compiler.
 */
#include <stdint.h>

struct counter {
    uint64_t count;         /* instructions begun */
    uint64_t limit;         /* stop before a block that begins at this count */
    uint64_t attention;     /* not 0: stop before the next block */
    uint64_t code_origin;
    uint64_t code_bytes;
    const uint8_t *code;    /* (code_bytes): the flash */
    uint16_t *known;        /* (code_bytes / 2, 2): size in bytes and instructions of a block */
    int (*stop)(void *);    /* uc_emu_stop */
    int (*read)(void *, int, void *); /* uc_reg_read */
    uint64_t pc;            /* number of the register */
    uint64_t alias_origin;  /* where the flash appears a second time; else code_origin */
    uint64_t thumb;         /* 1: Arm's Thumb instructions; 2: ARMv6-M's; 0: those of RISC-V */
    uint64_t stopped;       /* 1: the block in front of which the processor is does not run now */
    uint64_t misaligned;    /* bytes of the first access that is not aligned; 0: none yet */
    uint64_t misaligned_at;
    uint64_t misaligned_pc;
    uint64_t doubles;       /* not 0: the FPU computes with doubles */
    uint64_t refused;       /* address of an instruction that the core lacks, or 0 */
};

/*
 * A Thumb instruction is 4 bytes if its first halfword begins 11101, 11110 or 11111; one of RISC-V
 * if its lowest two bits are 11.
 */
static uint32_t instructions(const uint8_t *code, uint32_t size, uint64_t thumb)
{
    uint32_t found = 0;
    for (uint32_t at = 0; at < size; found++) {
        const int is_long = thumb != 0u ? code[at + 1u] >> 3 >= 0x1du : (code[at] & 3u) == 3u;
        at += is_long ? 4u : 2u;
    }
    return found;
}

/*
 * Whether the FPU computes with doubles in this instruction: data processing of coprocessor 11, or
 * the conversion of a float to a double, of coprocessor 10 (DDI 0403, A6.4 and A6.5).
 */
static int is_double(const uint8_t *code)
{
    const uint32_t first = code[0] | (uint32_t)code[1] << 8;
    const uint32_t second = code[2] | (uint32_t)code[3] << 8;
    if ((first & 0xef00u) != 0xee00u || (second & 0x10u) != 0u) {
        return 0;
    }
    return (second & 0xf00u) == 0xb00u ||
           ((first & 0xffbfu) == 0xeeb7u && (second & 0xfd0u) == 0xac0u);
}

/* Whether a halfword is CBZ, CBNZ or IT, which ARMv6-M lacks (DDI 0403, A5.2.5). */
static int is_of_armv7m(const uint8_t *code)
{
    return (code[1] & 0xf5u) == 0xb1u || (code[1] == 0xbfu && (code[0] & 0xfu) != 0u);
}

/* The offset of the first instruction that the core lacks though the engine runs it, or `size`. */
static uint32_t first_lacking(const struct counter *c, const uint8_t *code, uint32_t size)
{
    uint32_t at = 0;
    if (c->doubles != 0u && c->thumb != 2u) {
        return size;
    }
    while (at < size) {
        const int is_long = code[at + 1u] >> 3 >= 0x1du;
        if (is_long ? c->doubles == 0u && is_double(code + at)
                    : c->thumb == 2u && is_of_armv7m(code + at)) {
            return at;
        }
        at += is_long ? 4u : 2u;
    }
    return size;
}

void count_block(void *engine, uint64_t address, uint32_t size, void *user)
{
    struct counter *const c = user;
    if (c->attention != 0u || c->count >= c->limit) {
        c->stopped = 1u;
        c->stop(engine);
        return; /* the block does not run now */
    }
    uint64_t offset = address - c->code_origin;
    if (offset + size > c->code_bytes) {
        offset = address - c->alias_origin;
    }
    if (offset + size > c->code_bytes) {
        c->count += size / 2u;
        return;
    }
    uint16_t *const known = &c->known[offset / 2u * 2u];
    if (known[0] != size) {
        const uint32_t at = first_lacking(c, c->code + offset, size);
        if (at < size) {
            c->refused = address + at;
            c->stop(engine);
            return;
        }
        known[0] = (uint16_t)size;
        known[1] = (uint16_t)instructions(c->code + offset, size, c->thumb);
    }
    c->count += known[1];
}

/* With a hook on device registers the processor keeps its PC exact at each access to them. */
void ignore_access(void *engine, int kind, uint64_t address, int size, int64_t value, void *user)
{
    (void)engine;
    (void)kind;
    (void)address;
    (void)size;
    (void)value;
    (void)user;
}

/* The same for a processor that traps where an access is not aligned: keep the first one. */
void check_access(void *engine, int kind, uint64_t address, int size, int64_t value, void *user)
{
    struct counter *const c = user;
    (void)kind;
    (void)value;
    if (address % (uint64_t)size != 0u && c->misaligned == 0u) {
        c->misaligned = (uint64_t)size;
        c->misaligned_at = address;
        c->read(engine, (int)c->pc, &c->misaligned_pc);
        c->attention = 1u;
    }
}
