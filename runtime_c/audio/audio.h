/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of audio as a program uses them, of whichever kind. mcuforge writes one `audio.c` per
 * model that takes them.
 */
#ifndef MCUFORGE_AUDIO_H
#define MCUFORGE_AUDIO_H

#include <stdint.h>

struct mcuforge_audio {
    int32_t samples;  /* that the features of one moment are computed from, 16 bits each */
    int32_t stride;   /* new samples between two such moments */
    int32_t features; /* int8 of one moment */
    /* The features of the newest moment; the oldest sample comes first. */
    void (*compute)(const int16_t *samples, int8_t *features);
};

extern const struct mcuforge_audio mcuforge_audio;

#endif
