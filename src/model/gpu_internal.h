/* The structs behind a model on the GPU, for weights_gpu.c, cache_gpu.c, forward_gpu.c only. */
#pragma once
#include "gpu/kernels.h"
#include "model/model_gpu.h"
#include "model/model_internal.h"

/* Slots of gpu_pass in the uniform buffer: those of a pass (PASS_SLOT_*), then a step each. */
enum : i32 {
  PASS_SLOT_ALL,   /* every row */
  PASS_SLOT_LAST,  /* attention of the last layer: every row, the out rows first */
  PASS_SLOT_OUT,   /* where the out rows lie: o of the last layer, pick */
  PASS_SLOT_DENSE, /* the out rows one after another: the rest */
  PASS_SLOT_STEP,
  PASS_SLOTS = PASS_SLOT_STEP + MODEL_MORE_MAX,
};
constexpr isize GPU_RECORDS = MODEL_ROWS_MAX + MODEL_MORE_MAX; /* row records; results too */
constexpr isize GPU_MOVES_MAX = 8;                           /* cache moves between two submits */
constexpr isize GPU_PIECE_WORK_FIRST = 64;
constexpr isize GPU_CACHE_BUFFERS = 64;

/* The four products of a layer, by what they read: ADAPTER_X_QKV is q, k and v, and so on. */
typedef struct {
  gpu_weight w[ADAPTER_STACKS];
  gpu_matmul run[ADAPTER_STACKS];
} gpu_layer;

/* A low-rank adapter on the GPU: its matrices, and every product that it touches bound with them.
 */
typedef struct {
  gpu_weight a[ADAPTER_STACKS]; /* see gpu_lora */
  i32 b[ADAPTER_STACKS];
  gpu_matmul run[ADAPTER_STACKS]; /* no slices: not touched */
} gpu_adapter_layer;
struct gpu_adapter {
  model_gpu *gpu;
  i32 slices; /* see gpu_lora */
  isize n_layers;
  gpu_adapter_layer *layers;
};

/* Where a tensor of the file goes. */
typedef struct {
  enum : u8 { GOES_TO_MATRIX, GOES_TO_VECTORS, GOES_TO_ROPE } where;
  gpu_weight *w;     /* rows row0 + step * r of it */
  isize row0, step;
  i64 at;            /* of a vector, in the vectors' buffer */
} gpu_dest;

/* Loading: whole rows gather in a staging buffer; when it is full they are repacked in one submit
 * and the next buffer is filled, if the device is through with it. */
constexpr isize GPU_STAGINGS = 3;
typedef struct {
  const gguf_file *file;
  gpu_dest *dests; /* [file->n_tensors] */
  f32 *rope_factors; /* [d_rope / 2] */
  bool has_rope_factors;
  isize staging_bytes, i_staging, filled; /* filled: bytes of stagings[i_staging] */
  i32 stagings[GPU_STAGINGS];
  i32 tickets[GPU_STAGINGS]; /* of the submit that read it; 0: it is free */
  gpu_repack repacks[GPU_REPACKS_MAX]; /* of what lies in the present one */
  isize n_repacks;
  isize row;          /* of the present tensor: rows before it are on their way */
  isize region_left;  /* bytes the last of repacks still lacks */
  enum : u8 { LOAD_PIECES, LOAD_REPACKED, LOAD_TESTED, LOAD_CHECKED, LOAD_DONE } stage;
  i32 ticket; /* of the last submit of all */
} gpu_load;

struct model_gpu {
  gpu_kernels *kernels;
  gpu_layer *layers; /* [n_layers] */
  gpu_weight embed, head; /* head: no slices when it is the embedding */
  gpu_embed run_embed;
  gpu_matmul run_head;
  isize ctx_tokens, d_qkv, vector_bytes;
  i32 vectors; /* attn_norm, ffn_norm of each layer, then output_norm: vector_bytes apart */
  i32 xa, xb, qkv, attn, ff, logits; /* [MODEL_ROWS_MAX][width] f32 */
  i32 rope; /* [ctx_tokens][d_rope] f32 */
  i32 pass; /* uniform: PASS_SLOTS of gpu_pass */
  i32 records, results; /* [GPU_RECORDS] */
  i32 pick; /* bind */
  i32 moves; /* uniform: GPU_MOVES_MAX, GPU_ALIGN apart */
  isize n_moves; /* recorded, not yet submitted */
  bool recorded; /* there is something to submit */
  const gpu_pass_state *owner; /* of the activations, between its pieces; null: nobody */
  isize piece_work; /* rows of a layer that one submit holds; grows while the device is quick */
  bool kernels_open; /* an adapter asked for kernels that are not yet tried */
  nf_error failure; /* what the device said when a pass failed */
  gpu_kernels_facts facts;
  gpu_load *load;
};

/* A cache on the GPU: whole layers in as few buffers as the device allows. */
struct gpu_cache {
  model_gpu *gpu;
  isize layers_each; /* of one buffer */
  i64 layer_bytes;   /* [k|v][kv_head][n_slots][d_head] f32, rounded up to GPU_ALIGN */
  isize n_buffers;
  i32 buffers[GPU_CACHE_BUFFERS];
  i32 move_binds[GPU_CACHE_BUFFERS];
  i32 *attention; /* [n_layers] binds */
};

/* weights_gpu.c: what product `which` of a layer reads and writes. */
gpu_matmul_desc gpu_product_desc(const model *m, isize i_layer, adapter_stack_of which);
/* cache_gpu.c: what is recorded goes to the device; nobody waits for it. */
void gpu_recorded_send(model_gpu *g);

/* What a pass needs of the host. */
struct gpu_pass_state {
  i32 ticket, logits_ticket; /* 0: none in flight */
  bool going; /* the ticket is that of a piece, and others follow */
  isize n, n_out, n_results;
  isize i_step, i_unit; /* the next piece begins with unit i_unit of the pass (0) or of a step */
  isize sent_work; /* of the last piece, in rows of a layer */
  i64 sent_ns;
  gpu_row records[GPU_RECORDS];
  union { /* written before the submit; read after it */
    alignas(8) u8 slots[PASS_SLOTS * GPU_PASS_STRIDE];
    gpu_result results[GPU_RECORDS];
  };
};
