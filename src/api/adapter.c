/* Opening, closing and converting adapters. Implements the adapter part of include/nearfield.h.
 * Owns each adapter's one block; formats and checks are model/'s, the task keys edit/tuning.c's. */
#include "api/internal.h"
#include "base/text_out.h"
#include "gguf/gguf_write.h"
#include "model/adapter_source.h"
#include "model/adapter_write.h"
#include "model/model_gpu.h"

constexpr isize FILE_BYTES_MAX = (isize)1 << 28; /* of rank 64 for 30 layers: 25 MB */

static nf_status no_memory(nf_error *error, isize bytes) {
  return error_set(error, NF_NO_MEMORY, E_STR("no memory for the adapter, "), E_INT(bytes),
                   E_STR(" bytes"));
}

/* The adapter itself, once the file's directory is read: one block for handle and matrices. */
static nf_status adapter_fill(const nf_engine *engine, const gguf_file *dir, nf_bytes file,
                              nf_adapter **out, nf_error *error) {
  const model_shape *shape = model_shape_get(engine->model);
  isize matrices = 0;
  nf_status status = model_adapter_bytes(dir, shape, &matrices, error);
  if (status) return status;
  isize bytes = bytes_add(matrices, (isize)sizeof(nf_adapter) + 4L * 64);
  bytes = bytes_add(bytes, model_gpu_adapter_bytes(engine->model));
  u8 *block = os_memory_get(bytes);
  if (!block) return no_memory(error, bytes);
  arena a = arena_of(block, bytes);
  nf_adapter *adapter = arena_alloc(&a, 1, (isize)sizeof(nf_adapter), 64);
  ASSERT(adapter);
  model_adapter *tensors;
  status = model_adapter_open(dir, file, shape, &a, &tensors, error);
  if (!status) status = edit_tuning_read(dir, tensors, &adapter->tuning, error);
  if (!status) status = model_gpu_adapter_open(engine->model, tensors, &a, error);
  ASSERT(status != NF_NO_MEMORY); /* counted above */
  if (status) {
    os_memory_release(block, bytes);
    return status;
  }
  nf_bytes name = {};
  if (!gguf_string(dir, "general.name", &name)) name.len = 0;
  bytes_copy(adapter->name, name.at, isize_min(name.len, (isize)sizeof adapter->name - 1));
  adapter->engine = engine;
  adapter->tensors = tensors;
  adapter->block_bytes = bytes;
  adapter->file_bytes = file.len;
  *out = adapter;
  return NF_OK;
}

nf_status nf_adapter_open_memory(const nf_engine *engine, nf_bytes file, nf_adapter **adapter,
                                 nf_error *error) {
  error_clear(error);
  isize bytes = 0;
  nf_status status = gguf_arena_bytes(file, (u64)file.len, &bytes, error);
  if (status == NF_NEED_BYTES) {
    return error_set(error, NF_BAD_INPUT, E_STR("the adapter's file is cut in its directory"));
  }
  if (status) return status;
  void *block = os_memory_get(bytes);
  if (!block) return no_memory(error, bytes);
  arena a = arena_of(block, bytes);
  gguf_file dir;
  status = gguf_open(file, (u64)file.len, &a, &dir, error);
  ASSERT(status != NF_NO_MEMORY);
  if (!status) status = adapter_fill(engine, &dir, file, adapter, error);
  os_memory_release(block, bytes);
  return status;
}

nf_status nf_adapter_open_file(const nf_engine *engine, const char *path, nf_adapter **adapter,
                               nf_error *error) {
  error_clear(error);
  os_map file;
  nf_status status = os_file_read(path, FILE_BYTES_MAX, &file, error);
  if (status) return status;
  status = nf_adapter_open_memory(engine, bytes_of(file.at, file.len), adapter, error);
  if (file.len > 0) os_memory_release(file.at, file.len);
  return status;
}

void nf_adapter_close(nf_adapter *adapter) {
  if (!adapter) return;
  model_gpu_adapter_close(adapter->tensors);
  os_memory_release(adapter, adapter->block_bytes);
}

void nf_adapter_info_get(const nf_adapter *adapter, nf_adapter_info *info) {
  const edit_tuning *t = &adapter->tuning;
  *info = (nf_adapter_info){.task = t->one_task ? edit_task_of(t->task)->name : "",
                            .file_bytes = adapter->file_bytes,
                            .rank = (i32)t->adapter->rank_max};
  static_assert(sizeof info->name == sizeof adapter->name);
  bytes_copy(info->name, adapter->name, (isize)sizeof info->name);
  text_out hex = {.at = info->sha256, .cap = (isize)sizeof info->sha256 - 1};
  for (isize i = 0; i < 32; i++) out_hex(&hex, t->adapter->key.digest[i], 2);
}

nf_status adapter_check(const nf_engine *engine, const nf_adapter *adapter, nf_error *error) {
  if (!adapter || adapter->engine == engine) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("the adapter was opened for another engine"));
}

/* ---- convert ---- */

static nf_status source_write(const adapter_source *source, nf_adapter_type type, nf_bytes *out,
                              nf_error *error) {
  gguf_type to = type == NF_ADAPTER_Q8_0 ? GGUF_Q8_0 : GGUF_F16;
  gguf_writer count = {};
  nf_status status = adapter_write(source, to, &count, error);
  if (status) return status;
  u8 *block = os_memory_get(count.len);
  if (!block) return no_memory(error, count.len);
  gguf_writer w = {.to = block};
  status = adapter_write(source, to, &w, error);
  if (status) {
    os_memory_release(block, count.len);
    return status;
  }
  ASSERT(w.len == count.len);
  *out = bytes_of(block, w.len);
  return NF_OK;
}

static void gates_take(adapter_source *source, const nf_adapter_convert_desc *desc) {
  if (desc->n_gates == 0) return;
  source->has_gate = desc->n_gates == 1;
  source->gate = desc->gates[0];
  source->n_gates = source->has_gate ? 0 : desc->n_gates;
  for (isize i = 0; i < isize_min(source->n_gates, NF_GATE_KINDS); i++) {
    source->gates[i] = desc->gates[i];
  }
}

nf_status nf_adapter_convert(const nf_engine *engine, nf_bytes file,
                             const nf_adapter_convert_desc *desc, nf_bytes *out, nf_error *error) {
  error_clear(error);
  const model_shape *shape = model_shape_get(engine->model);
  isize bytes = adapter_source_bytes(file, shape);
  void *block = os_memory_get(bytes);
  if (!block) return no_memory(error, bytes);
  arena a = arena_of(block, bytes);
  adapter_source source;
  nf_status status =
      adapter_source_open(file, desc->config, desc->alpha, shape, &a, &source, error);
  if (!status) {
    if (desc->name.len > 0) source.name = desc->name;
    if (desc->task.len > 0) source.task = desc->task;
    if (desc->system.len > 0) source.system = desc->system;
    gates_take(&source, desc);
    edit_gate gate;
    status = edit_gate_of(source.has_gate ? &source.gate : nullptr, source.gates, source.n_gates,
                          &gate, error);
    if (!status) status = edit_tuning_check(source.task, source.system, error);
  }
  if (!status) status = source_write(&source, desc->type, out, error);
  os_memory_release(block, bytes);
  return status;
}
