/* What the files of api/ share: the insides of the public handles, and where memory comes from.
 * Only api/ allocates (os_memory_get); each handle lies at the start of one block of its own. */
#pragma once
#include <stdatomic.h>
#include "base/arena.h"
#include "base/base.h"
#include "edit/edit.h"
#include "edit/tuning.h"
#include "gguf/gguf.h"
#include "kernel/kernel.h"
#include "kernel/pool.h"
#include "model/model.h"
#include "os/os.h"
#include "session/session.h"
#include "text/text.h"

struct nf_engine {
  os_map file;   /* released on close when file_owned; on the GPU only the file's head */
  enum : u8 { FILE_BORROWED, FILE_MAPPED, FILE_BLOCK } file_owned; /* how close releases it */
  void *directory_block, *block;
  isize directory_bytes, block_bytes;
  gguf_file gguf;
  text_vocab *vocab;
  text_template chat;
  model *model; /* after the head, on the CPU: a bare one */
  pool *threads;
  const k_table *kernels; /* null on the GPU */
  isize file_bytes, ctx_tokens, n_threads_wanted;
  bool on_gpu; /* desc.kernels was "webgpu" */
  arena tables; /* what is left of block */
  /* For the first session, of session_bytes; taken before the weights come, so that a model whose
   * session has no room is refused then. null: none, or handed out */
  _Atomic(void *) session_block;
  isize session_bytes;
  _Atomic u32
      busy; /* sessions of one engine take turns on the pool: 0 free, 1 held, 2 waited for */
};

struct nf_adapter {
  const nf_engine *engine; /* whose model's shape it was checked against */
  isize block_bytes; /* of the block it lies at the start of */
  i64 file_bytes;
  char name[64];
  model_adapter *tensors; /* tuning.adapter */
  edit_tuning tuning;
};

typedef enum : u8 { WORK_NONE, WORK_GENERATE, WORK_EDIT, WORK_BENCH } work_kind;

/* A benchmark in flight (bench.c): after BENCH_PREFILL the four others, repeat by repeat. */
typedef enum : u8 {
  BENCH_EMPTY,
  BENCH_PREFILL,
  BENCH_DECODE_PREFIX,
  BENCH_DECODE,
  BENCH_BATCH_PREFIX,
  BENCH_BATCH,
  BENCH_DONE,
} bench_phase;
constexpr isize BENCH_REPEATS_MAX = 64;
typedef struct {
  bench_phase phase;
  isize n, i, i_token; /* repeats wanted, repeats done, tokens decoded in this one */
  i32 next;
  i64 started_ns;
  f64 prefill_ms, decode_tok_s[BENCH_REPEATS_MAX], batch_tok_s[BENCH_REPEATS_MAX];
} bench_run;

struct nf_batch {
  nf_engine *engine;
  isize block_bytes; /* of the block it lies at the start of */
  isize n_sessions;
  model_batch *passes;
};

/* A generation in flight (generate.c). */
typedef struct {
  nf_sampling how;
  session_rng rng;
  isize output_tokens, output_tokens_max;
  i64 started_ns;
  u8 *text; /* everything produced so far */
  isize text_len, text_cap;
  isize given; /* of those bytes, how many the caller has had */
  u8 *stops; /* stop strings one after the other */
  isize stop_ends[8];
  isize n_stops, stop_bytes_max;
  nf_generate_end end;
} generation;

struct nf_session {
  nf_engine *engine;
  nf_batch *batch; /* null: none */
  void *block;
  isize block_bytes;
  session *timeline;
  model_scratch *pass_scratch;
  i32 *ids; /* prompt being built, [ctx_tokens] */
  arena scratch; /* empty between calls */
  void *sampler_scratch;
  work_kind work;
  generation generation;
  bench_run bench;
  edit *edit;
  nf_receipt receipt;
};

/* Is the GPU asked for? NF_UNSUPPORTED: it is, and there is none. Before anything else. */
[[nodiscard]] nf_status engine_gpu_choose(nf_engine *engine, const nf_engine_desc *desc,
                                          nf_error *error);
/* The steps of opening an engine, in this order, once engine->gguf is read. On an error the
 * caller closes the engine.
 * head: what the directory alone tells (shape, template, kernels, context, vocabulary);
 * weights: the tensors' bytes lie in engine->file, threads start; on the GPU engine->model has
 * taken them, and NF_PENDING says that the device still works. */
[[nodiscard]] nf_status engine_head_fill(nf_engine *engine, const nf_engine_desc *desc,
                                         nf_error *error);
[[nodiscard]] nf_status engine_weights_fill(nf_engine *engine, nf_error *error);

/* After the head, on the CPU: takes the memory of a session, which the first one that is opened
 * gets. may_shrink: where there is none for the context, half of it will do, down to
 * CTX_TOKENS_ENOUGH. NF_NO_MEMORY */
constexpr isize CTX_TOKENS_ENOUGH = 512;
[[nodiscard]] nf_status engine_session_reserve(nf_engine *engine, bool may_shrink, nf_error *error);

/* NF_BAD_INPUT: the adapter (null: none) was opened for another engine. */
[[nodiscard]] nf_status adapter_check(const nf_engine *engine, const nf_adapter *adapter,
                                      nf_error *error);
/* A step came to `status` < 0: a line for it, where it has none yet. Returns status. */
nf_status engine_step_failed(const nf_engine *engine, nf_status status, nf_error *error);

void batch_leave(nf_session *session); /* batch.c */

/* Turn-taking of sessions on one engine's threads. */
void engine_enter(nf_engine *engine);
void engine_leave(nf_engine *engine);

static inline f64 ms_since(i64 started_ns) { return (f64)(os_clock_ns() - started_ns) / 1e6; }
