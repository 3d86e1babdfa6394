/* Opening and closing a model: file -> directory -> vocabulary, weights, threads. Implements the
 * engine part of include/nearfield.h. Owns the blocks all of that lies in. */
#include "api/internal.h"
#include "base/text_out.h"
#include "base/utf8.h"
#include "gpu/kernels.h"
#include "model/model_gpu.h"

constexpr isize DIRECTORY_BYTES_FIRST = 1 << 18, DIRECTORY_BYTES_MAX = 1 << 26;
constexpr isize POOL_BYTES = 1 << 16;
constexpr i32 THREADS_MAX = 8, CTX_TOKENS_DEFAULT = 1024, CTX_TOKENS_MIN = 2;

const char *nf_version(void) { return "0.1.0"; }

void engine_enter(nf_engine *engine) {
  u32 free = 0;
  if (atomic_compare_exchange_strong(&engine->busy, &free, 1)) return;
  while (atomic_exchange(&engine->busy, 2) != 0) os_wait(&engine->busy, 2, -1);
}

void engine_leave(nf_engine *engine) {
  if (atomic_exchange(&engine->busy, 0) == 2) os_wake(&engine->busy, 1);
}

/* The directory's size is not known before it is read: try with more until it fits. */
static nf_status directory_open(nf_engine *engine, nf_error *error) {
  nf_bytes file = bytes_of(engine->file.at, engine->file.len);
  for (isize bytes = DIRECTORY_BYTES_FIRST; bytes <= DIRECTORY_BYTES_MAX; bytes *= 4) {
    void *block = os_memory_get(bytes);
    if (block == nullptr) break;
    arena a = arena_of(block, bytes);
    nf_status status = gguf_open(file, (u64)file.len, &a, &engine->gguf, error);
    if (status == NF_OK) {
      error_clear(error); /* of a smaller block tried before */
      engine->directory_block = block;
      engine->directory_bytes = bytes;
      return NF_OK;
    }
    os_memory_release(block, bytes);
    if (status == NF_NEED_BYTES) {
      return error_set(error, NF_BAD_INPUT,
                       E_STR("the model file ends inside its directory, after "), E_INT(file.len),
                       E_STR(" bytes; is the download complete?"));
    }
    if (status != NF_NO_MEMORY) return status;
  }
  return error_set(error, NF_NO_MEMORY, E_STR("no memory for the model's directory"));
}

nf_status engine_gpu_choose(nf_engine *engine, const nf_engine_desc *desc, nf_error *error) {
  nf_bytes wanted = bytes_from_str(desc->kernels != nullptr ? desc->kernels : "");
  const nf_bytes tuned = bytes_from_str("webgpu:"); /* then choices made before, or a sweep's */
  bool tune = bytes_start_with(wanted, tuned);
  engine->on_gpu = tune || bytes_equal(wanted, bytes_from_str("webgpu"));
  if (!engine->on_gpu) return NF_OK;
  if (tune && !gpu_tune_set(bytes_slice(wanted, tuned.len, wanted.len))) {
    return error_set(error, NF_UNSUPPORTED, E_STR("kernels \""), E_STR(desc->kernels),
                     E_STR("\": see gpu_tune_set in src/gpu/kernels.h"));
  }
  gpu_facts facts;
  gpu_facts_get(&facts);
  if (facts.present) return NF_OK;
  return error_set(error, NF_UNSUPPORTED, E_STR("kernels \"webgpu\": there is no GPU device here"));
}

nf_status engine_step_failed(const nf_engine *engine, nf_status status, nf_error *error) {
  if (error == nullptr || error->line[0] != 0) return status;
  const char *line = model_failure_line(engine->model);
  return error_set(error, status, E_STR(line[0] != 0 ? line : "the model could not run"));
}

static nf_status kernels_choose(nf_engine *engine, const char *name, nf_error *error) {
  if (engine->on_gpu) return NF_OK;
  engine->kernels = name == nullptr ? k_table_best() : k_table_named(name);
  if (engine->kernels != nullptr) return NF_OK;
  return error_set(error, NF_UNSUPPORTED, E_STR("kernels \""), E_STR(name),
                   E_STR("\" are not in this build or cannot run on this machine"));
}

static isize threads_wanted(const nf_engine_desc *desc) {
  if (desc->n_threads > 0) return desc->n_threads;
  return isize_min(os_cpu_count(), THREADS_MAX);
}

nf_status engine_head_fill(nf_engine *engine, const nf_engine_desc *desc, nf_error *error) {
  model_shape shape;
  nf_status status = model_shape_read(&engine->gguf, &shape, error);
  if (status != NF_OK) return status;
  status = text_template_of(&engine->gguf, &engine->chat, error);
  if (status != NF_OK) return status;
  status = kernels_choose(engine, desc->kernels, error);
  if (status != NF_OK) return status;
  isize ctx = desc->ctx_tokens_max > 0 ? desc->ctx_tokens_max : CTX_TOKENS_DEFAULT;
  engine->ctx_tokens = isize_min(ctx, shape.ctx_tokens_train);
  if (engine->ctx_tokens < CTX_TOKENS_MIN) {
    return error_set(error, NF_UNSUPPORTED, E_STR("a context of "), E_INT(engine->ctx_tokens),
                     E_STR(" tokens; at least "), E_INT(CTX_TOKENS_MIN), E_STR(" are needed"));
  }
  isize weights_bytes = engine->on_gpu ? model_gpu_bytes(&shape) : model_bytes(&shape);
  engine->block_bytes = bytes_add(weights_bytes, text_vocab_bytes(&engine->gguf) + POOL_BYTES);
  engine->block_bytes = bytes_add(engine->block_bytes, model_bare_bytes());
  engine->block = os_memory_get(engine->block_bytes);
  if (engine->block == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for the model's tables, "),
                     E_INT(engine->block_bytes), E_STR(" bytes"));
  }
  engine->n_threads_wanted = engine->on_gpu ? 1 : threads_wanted(desc);
  engine->tables = arena_of(engine->block, engine->block_bytes);
  if (!engine->on_gpu) engine->model = model_bare(&shape, &engine->tables);
  status = text_open(&engine->gguf, &engine->tables, &engine->vocab, error);
  if (status != NF_OK) return status;
  if (text_n_vocab(engine->vocab) != shape.n_vocab) {
    return error_set(error, NF_BAD_INPUT, E_STR("the vocabulary has "),
                     E_INT(text_n_vocab(engine->vocab)), E_STR(" tokens, the embedding "),
                     E_INT(shape.n_vocab));
  }
  return NF_OK;
}

nf_status engine_weights_fill(nf_engine *engine, nf_error *error) {
  nf_status status = engine->on_gpu ? model_gpu_finish(engine->model, error)
                                    : model_open(&engine->gguf, engine->file.at, engine->kernels,
                                                 &engine->tables, &engine->model, error);
  if (status != NF_OK) return status;
  status = pool_start(&engine->tables, engine->n_threads_wanted, &engine->threads);
  if (status == NF_OK) return NF_OK;
  return error_set(error, status, E_STR("no room for "), E_INT(engine->n_threads_wanted),
                   E_STR(" threads"));
}

static nf_status engine_open(os_map file, bool owned, const nf_engine_desc *desc,
                             nf_engine **engine, nf_error *error) {
  nf_engine *e = os_memory_get((isize)sizeof *e);
  if (e == nullptr) {
    if (owned) os_file_unmap(&file);
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for an engine"));
  }
  e->file = file;
  e->file_bytes = file.len;
  e->file_owned = owned ? FILE_MAPPED : FILE_BORROWED;
  nf_status status = directory_open(e, error);
  if (status == NF_OK) status = engine_head_fill(e, desc, error);
  if (status == NF_OK) status = engine_weights_fill(e, error);
  if (status != NF_OK) {
    nf_engine_close(e);
    return status;
  }
  *engine = e;
  return NF_OK;
}

nf_status nf_engine_open_file(const char *path, const nf_engine_desc *desc, nf_engine **engine,
                              nf_error *error) {
  error_clear(error);
  os_map file;
  nf_status status = os_file_map(path, &file, error);
  if (status != NF_OK) return status;
  return engine_open(file, true, desc, engine, error);
}

nf_status nf_engine_open_memory(uint8_t *file, int64_t file_bytes, const nf_engine_desc *desc,
                                nf_engine **engine, nf_error *error) {
  error_clear(error);
  isize len;
  if (file_bytes < 0 || !isize_from_u64((u64)file_bytes, &len)) {
    return error_set(error, NF_NO_MEMORY, E_STR("the model file does not fit in memory"));
  }
  ASSERT(((uintptr_t)file & 63) == 0);
  return engine_open((os_map){.at = file, .len = len}, false, desc, engine, error);
}

void nf_engine_close(nf_engine *engine) {
  if (engine == nullptr) return;
  if (engine->threads != nullptr) pool_stop(engine->threads);
  if (engine->on_gpu) model_gpu_close(engine->model);
  if (engine->block != nullptr) os_memory_release(engine->block, engine->block_bytes);
  void *session_block = engine->session_block;
  if (session_block != nullptr) os_memory_release(session_block, engine->session_bytes);
  if (engine->directory_block != nullptr) {
    os_memory_release(engine->directory_block, engine->directory_bytes);
  }
  if (engine->file_owned == FILE_MAPPED) os_file_unmap(&engine->file);
  if (engine->file_owned == FILE_BLOCK) os_memory_release(engine->file.at, engine->file.len);
  os_memory_release(engine, (isize)sizeof *engine);
}

static void text_field(char *to, isize cap, nf_bytes text) {
  isize n = isize_min(text.len, cap - 1);
  bytes_copy(to, text.at, n);
  to[n] = 0;
}

/* The type that most weight bytes have. */
static gguf_type type_most(const gguf_file *file, i64 *n_params) {
  gguf_type most = GGUF_F32;
  i64 most_bytes = -1;
  *n_params = 0;
  for (isize i = 0; i < file->n_tensors; i++) {
    const gguf_tensor *t = &file->tensors[i];
    *n_params += (i64)t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
    i64 bytes = 0;
    for (isize k = 0; k < file->n_tensors; k++) {
      if (file->tensors[k].type == t->type) bytes += file->tensors[k].bytes;
    }
    if (bytes > most_bytes) {
      most_bytes = bytes;
      most = t->type;
    }
  }
  return most;
}

void nf_engine_info_get(const nf_engine *engine, nf_engine_info *info) {
  *info = (nf_engine_info){};
  nf_bytes text;
  if (gguf_string(&engine->gguf, "general.name", &text)) {
    text_field(info->name, (isize)sizeof info->name, text);
  }
  if (gguf_string(&engine->gguf, "general.architecture", &text)) {
    text_field(info->architecture, (isize)sizeof info->architecture, text);
  }
  gguf_type most = type_most(&engine->gguf, &info->n_params);
  text_field(info->quantization, (isize)sizeof info->quantization,
             bytes_from_str(gguf_type_name(most)));
  text_field(
      info->kernels, (isize)sizeof info->kernels,
      bytes_from_str(engine->on_gpu ? model_gpu_kernels(engine->model) : engine->kernels->name));
  if (engine->on_gpu) {
    text_field(info->replaced, (isize)sizeof info->replaced,
               bytes_from_str(model_gpu_replaced(engine->model)));
  }
  const model_shape *shape = model_shape_get(engine->model);
  info->file_bytes = engine->file_bytes;
  info->n_vocab = (i32)shape->n_vocab;
  info->ctx_tokens_train = (i32)shape->ctx_tokens_train;
  info->ctx_tokens_max = (i32)engine->ctx_tokens;
  info->n_threads = (i32)pool_threads(engine->threads);
  info->kv_bytes = model_cache_bytes(engine->model, engine->ctx_tokens);
}
