/* What the files kernels*.c share: the list of pipelines, which of them runs a product, and the
 * small buffers all binds use. For this folder only. */
#pragma once
#include "gpu/kernels.h"
#include "gpu/wgsl.h"

/* How a product is computed. PLAIN can all; the others each their rows of x (see wgsl/README.md),
 * in f32 or, an INT, by 8-bit dots: those have bits of their own. */
typedef enum : u8 {
  GPU_VEC,
  GPU_VEC4,
  GPU_CHUNK,
  GPU_PLAIN,
  GPU_VEC_INT,
  GPU_VEC4_INT,
  GPU_CHUNK_INT,
  GPU_VARIANTS
} gpu_variant;
static inline bool gpu_variant_is_int(gpu_variant v) { return v > GPU_PLAIN; }
/* Whose shape of workgroups it has, and whose rows of x. */
static inline gpu_variant gpu_variant_kind(gpu_variant v) {
  return gpu_variant_is_int(v) ? (gpu_variant)(v - GPU_VEC_INT) : v;
}
/* Has the format integers, so that an INT can compute it? */
static inline bool gpu_format_has_ints(gpu_format format) { return format <= GPU_B8F; }
constexpr isize GPU_CLASSES = 3; /* of m: 1, 2-4, 5-64 */
static inline isize gpu_class_of(i32 m) { return m == 1 ? 0 : m <= 4 ? 1 : 2; }

typedef enum : u8 {
  GPU_REPACK,
  GPU_MATMUL,
  GPU_EMBED,
  GPU_ATTENTION,
  GPU_KV_MOVE,
  GPU_PICK
} gpu_kernel;

typedef struct {
  i32 handle;
  gpu_kernel kernel;
  u8 op_or_type; /* gpu_op, gguf_type */
  gpu_format format;
  gpu_variant variant;
  bool ready, bad; /* bad: it does not compile, or is wrong */
} gpu_pipeline;

/* Of wgsl/pick.wgsl: logits a workgroup looks at, and what it leaves. */
constexpr isize GPU_PICK_CHUNK = 1024, GPU_PICK_PART_BYTES = 12;
static inline isize gpu_pick_chunks(const gpu_kernels_desc *desc) {
  return (desc->n_vocab + GPU_PICK_CHUNK - 1) / GPU_PICK_CHUNK;
}

constexpr isize GPU_PIPELINES_MAX = 512;
constexpr isize GPU_SLICE_SLOTS = 256; /* different gpu_slice of all binds */
constexpr isize GPU_REPACK_SLOTS = 4 * GPU_REPACKS_MAX;

/* struct Slice of wgsl/pass.wgsl. */
typedef struct {
  u32 row0, n_rows, y_stride, lora_rank, pair_end[2], spare[2];
  f32 lora_scale[4];
} gpu_slice;
static_assert(sizeof(gpu_slice) == 48);

/* A kernel on known input: a repacking, a product in all its variants, an embedding, attention,
 * a move of cached keys, a pick. kernels_trial.c runs it, kernels_check.c decides. */
typedef struct {
  gpu_kernel kernel;
  u8 op_or_type;
  gpu_format format;
  gpu_variant variant; /* of attention, whose variants are tried apart: their bits differ */
  enum : u8 { TRIAL_NEW, TRIAL_RUNNING, TRIAL_DONE } state;
  i32 ticket;
  u32 tried; /* of a product: bits of the variants that ran, or do not compile */
  gpu_weight w, a; /* a: of an addition */
  i32 buffers[8], binds[2 * GPU_VARIANTS];
  isize n_buffers, n_binds;
} gpu_trial;
constexpr isize GPU_TRIALS_MAX = 96;
constexpr isize GPU_TRIAL_RANK = 5; /* of an addition: no power of two */
constexpr isize GPU_TRIAL_BYTES = 49152; /* read back of one at most */

/* kernels_race.c: dispatches of one way after the other, on the clock. */
typedef enum : u8 { GPU_RACE_ATTENTION, GPU_RACE_PRODUCTS, GPU_RACES } gpu_contest;
typedef struct {
  gpu_trial trial; /* its buffers, binds and ticket */
  gpu_matmul matmul; /* of GPU_RACE_PRODUCTS */
  bool done;
  isize i_run, n_dispatches;
  i64 start_ns, best_ns[2]; /* 0 the plain way, 1 the other */
} gpu_race;

struct gpu_kernels {
  gpu_kernels_desc desc;
  gpu_facts device;
  gpu_pipeline pipelines[GPU_PIPELINES_MAX];
  isize n_pipelines;
  /* Indices into pipelines, -1: none. */
  i16 repack[GGUF_BF16 + 1][GPU_FORMATS];
  i16 matmul[GPU_OPS][GPU_FORMATS][GPU_VARIANTS];
  i16 embed[GPU_FORMATS], attention, attention_quad, kv_move, pick_chunk, pick_join;
  i16 attention_chosen; /* one of the two */
  bool ints; /* products of integers by 8-bit dots; false: f32 */
  isize lora_room; /* ranks the pipelines with an addition hold, even; 0: there are none */
  gpu_variant chosen[GPU_OPS][GPU_FORMATS][GPU_CLASSES];
  i32 zero; /* 64 bytes, bound where a kernel has nothing to read */
  i32 unused; /* the same where it has nothing to write */
  i32 pick_parts; /* [GPU_ROWS_MAX][chunks of the vocabulary]: between the two dispatches */
  i32 slices, repack_uniform; /* uniform buffers of GPU_ALIGN slots */
  gpu_slice slice_slots[GPU_SLICE_SLOTS];
  isize n_slice_slots, n_repack_slots;
  i32 n_replaced;
  char replaced[96];
  gpu_trial trials[GPU_TRIALS_MAX];
  isize n_trials;
  gpu_race races[GPU_RACES];
  nf_status failed; /* once a trial failed for good, and the line then */
  nf_error failed_line;
  alignas(8) u8 landed[GPU_TRIAL_BYTES];
};

/* ---- kernels.c ---- */
/* Products by 8-bit dots are given up: all are asked for in f32, and have their trials to come. */
void gpu_products_f32(gpu_kernels *k);
/* The same for one product with an addition, which is no other's concern. */
void gpu_lora_f32(gpu_kernels *k, gpu_op op, gpu_format format);
/* The product and format whose two ways a race compares; false: there is none. */
bool gpu_contested(const gpu_kernels *k, gpu_format *format);

/* ---- kernels_pipelines.c ---- */
/* Starts to compile; the handle lies in k->pipelines[result]. */
i16 gpu_pipeline_add(gpu_kernels *k, gpu_kernel kernel, isize op_or_type, gpu_format format,
                     gpu_variant variant);
const char *gpu_op_name(gpu_op op);
isize gpu_op_cols(const gpu_kernels_desc *desc, gpu_op op);
bool gpu_op_norms(gpu_op op);
static inline bool gpu_op_has_lora(gpu_op op) { return op >= GPU_NORM_STORE_LORA; }
/* The op without its addition. */
static inline gpu_op gpu_op_base(gpu_op op) {
  return gpu_op_has_lora(op) ? (gpu_op)(op - GPU_NORM_STORE_LORA) : op;
}
/* "matmul_chunk:norm_store:n4h" */
isize gpu_pipeline_name(const gpu_pipeline *p, char *name, isize cap);
/* The shapes of a variant's workgroups; rows of W, and of x, that one does. */
const gpu_shape *gpu_variant_shape(const gpu_kernels *k, gpu_op op, gpu_variant variant);
isize gpu_variant_rows(const gpu_kernels *k, gpu_op op, gpu_variant variant);
isize gpu_variant_m(const gpu_kernels *k, gpu_op op, gpu_variant variant);

/* ---- kernels_tune.c ---- */
/* Fills what tune leaves open: from gpu_tune_set, then the defaults. */
void gpu_tune_fill(gpu_tune *tune, bool plain);

/* ---- kernels_race.c ---- */
/* Once all are right: the faster ways are chosen. NF_PENDING (also when other pipelines are asked
 * for because of it), NF_OK; errors of gpu_poll */
[[nodiscard]] nf_status gpu_race_poll(gpu_kernels *k, nf_error *error);
void gpu_race_close(gpu_kernels *k);

/* ---- kernels_check.c ---- */
void gpu_trials_open(gpu_kernels *k); /* one for each kernel that has none; after the pipelines */
void gpu_trials_close(gpu_kernels *k);
/* Runs and judges the trials of the repacking, or of all the others, as their pipelines get
 * ready. statuses and errors those of gpu_kernels_poll */
[[nodiscard]] nf_status gpu_trials_poll(gpu_kernels *k, bool repack, nf_error *error);

/* ---- kernels_trial.c ---- */
void gpu_trial_start(gpu_kernels *k, gpu_trial *trial); /* records all and submits */
/* Which variants were right, a bit each (1 << GPU_PLAIN for what is no product): near the CPU's
 * values, and the same bits as the plain one, or as the first right one where it was not run. */
u32 gpu_trial_judge(const gpu_kernels *k, const gpu_trial *trial, const u8 *landed);
void gpu_trial_end(gpu_trial *trial); /* gives its buffers and binds back */

/* ---- kernels_weight.c ---- */
typedef struct {
  isize q_bytes, s_bytes; /* of a 32-block */
} gpu_format_bytes;
gpu_format_bytes gpu_format_bytes_of(gpu_format format);
static inline isize gpu_weight_slice_rows(const gpu_weight *w, isize i) {
  return i + 1 < w->n_slices ? w->rows_slice : w->rows - i * w->rows_slice;
}
/* Rows in that format that one row of an A is the sum of. */
isize gpu_lora_parts(gpu_format format);
/* The ranges of slice i to bind: q, then s (of k->zero or k->unused when there are no scales). */
void gpu_weight_ranges(const gpu_weight *w, isize i, i32 none, gpu_binding q_s[2]);

/* ---- kernels_bind.c ---- */
/* The range of k->slices that holds these numbers. */
gpu_binding gpu_slice_range(gpu_kernels *k, const gpu_slice *slice);
void gpu_matmul_dispatch(const gpu_kernels *k, const gpu_matmul *matmul, gpu_variant variant,
                         u32 pass_at, i32 m);
/* at: k->attention or k->attention_quad; one bind serves both. */
void gpu_attention_dispatch(const gpu_kernels *k, i16 at, i32 bind, u32 pass_at, i32 m);
