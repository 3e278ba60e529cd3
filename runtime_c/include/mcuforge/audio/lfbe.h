/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log filterbank energies of 16-bit audio, in integers: the same bytes on every processor.
 *
 * compiler/audio/lfbe.py has the formula, the reasons and the reference, and writes the tables.
 */
#ifndef MCUFORGE_LFBE_H
#define MCUFORGE_LFBE_H

#include <stdint.h>

/* What is computed, and its tables. */
struct mcuforge_lfbe {
    int32_t window;         /* samples of an FFT: a power of two from 64 to 1024 */
    int32_t stride;         /* new samples of each window */
    int32_t bins;           /* features of each window */
    const int32_t *sines;   /* of i / window of a turn, i to 3/4 window; 30 fraction bits */
    const int32_t *shape;   /* the first half of the symmetric window; 30 fraction bits */
    const uint16_t *edges;  /* bins + 2: the first FFT bin of each half triangle */
    const uint16_t *rising; /* the weight of each FFT bin in the rising triangle; 15 fraction bits */
    const int32_t *logs;    /* log2 at the 129 ends of its chords; 20 fraction bits */
    int32_t factor;         /* feature steps per octave; 24 fraction bits */
    int64_t offset;         /* feature steps of an energy of one unit; 44 fraction bits */
    int64_t most;           /* feature steps of a feature of 1; 44 fraction bits */
    int32_t zero_point;
};

/*
 * Computes the features of the newest window.
 *
 * samples: 1 + window of them, the oldest first; pre-emphasis reads the first one only.
 * work: window words. features: bins bytes.
 */
void mcuforge_lfbe_s8(const struct mcuforge_lfbe *lfbe, const int16_t *samples, int32_t *work,
                      int8_t *features);

#endif
