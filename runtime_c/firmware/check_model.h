/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generated model as the check firmware sees it. codegen writes one `check_model.c` per model.
 */
#ifndef MCUFORGE_CHECK_MODEL_H
#define MCUFORGE_CHECK_MODEL_H

#include <stdint.h>

enum check_dtype { CHECK_INT8 = 0, CHECK_UINT8 = 1, CHECK_INT32 = 2, CHECK_FLOAT32 = 3 };

/* How the MLPerf Tiny runner's bytes become input elements. */
enum check_feed {
    CHECK_FEED_RAW = 0,     /* the input's own bytes */
    CHECK_FEED_U8 = 1,      /* uint8 pixels: int8 = u8 - 128 */
    CHECK_FEED_F32 = 2      /* little-endian float32, quantized with the input's scale */
};

/* What `results%` prints. */
enum check_answer {
    CHECK_ANSWER_VALUES = 0, /* the dequantized first output */
    CHECK_ANSWER_MSE = 1     /* one float: mean squared error between input and output */
};

struct check_tensor {
    const char *name;
    uint32_t bytes;
    uint32_t elements;
    enum check_dtype dtype;
    float scale;
    int32_t zero_point;
    uint32_t row_bytes; /* of a streamed input, which the model reads row by row; else 0 */
};

/* Memory that the model uses. */
struct check_arena {
    uint8_t *bytes; /* a canary lies before it and one after it */
    uint32_t size;
};

/* What a model that listens has beside itself: the firmware's stream.h says how they work. */
struct check_audio {
    int16_t *samples;  /* the newest ones, of which features are computed, the oldest first */
    uint32_t count;    /* of them */
    uint32_t stride;   /* new samples of each moment: a chunk */
    uint32_t features; /* int8 of each moment; db holds those of the last moments, as input 0 */
    void (*compute)(const int16_t *samples, int8_t *features);
    int8_t *log; /* the activations of the target */
    uint32_t log_bytes;
};

struct check_model {
    const char *name;
    const char *task;     /* MLPerf Tiny model id ("kws01"), or the model's own name */
    const uint8_t *hash;  /* 32 bytes: SHA-256 of the user's model file */
    const struct check_arena *arenas;
    int32_t arena_count;
    int32_t step_count;
    int32_t input_count;
    int32_t output_count;
    const struct check_tensor *inputs;
    const struct check_tensor *outputs;
    enum check_feed feed;
    enum check_answer answer;
    int32_t (*init)(void);                /* 0 when the arenas are accepted */
    void *(*input)(int32_t index);        /* where the caller writes input `index`; NULL: streamed */
    const void *(*output)(int32_t index); /* where output `index` stands after the last step */
    /* steps [begin, end); 0 on success, with the steps done: fewer if a row is still missing */
    int32_t (*run)(int32_t begin, int32_t end, int32_t *reached);
    void (*poison)(int32_t step); /* overwrite the bytes dead after `step`; NULL: not this build */
    uint32_t canary_bytes; /* before every arena, and as many after it; 0: none */
    uint8_t *staging;      /* one row of the widest streamed input; NULL: none is streamed */
    uint8_t *db;           /* what `db` commands fill, apart from the arena; NULL: no RAM for it */
    uint32_t db_bytes;     /* input 0 as the runner sends it: CHECK_FEED_F32 takes 4 per element */
    const struct check_audio *audio; /* NULL: this build does not listen */
    const char *build;     /* names this build in HELLO; NULL: nameless */
};

extern const struct check_model mcuforge_check_model;

/*
 * The source of streamed inputs that the firmware gives the model (source.c): writes row `row` to
 * `to` and returns 0, or returns 1 if the row is still missing.
 */
int32_t check_read_row(void *context, int32_t input, int32_t row, void *to);

#endif
