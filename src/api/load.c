/* Opening a model whose file arrives in chunks. Implements the load part of include/nearfield.h:
 * gguf/stream.h finds directory and tensors in the chunks; each tensor's bytes are copied to their
 * place in one block of the file's length, which becomes the engine's. Owns that engine until it
 * is handed out. Read next: engine.c, which knows what an engine is made of. */
#include "api/internal.h"
#include "base/text_out.h"
#include "gguf/stream.h"

struct nf_load {
  nf_engine *engine; /* null: handed out */
  nf_engine_desc desc;
  gguf_stream stream;
  bool failed;
};

nf_status nf_load_begin(int64_t file_bytes, const nf_engine_desc *desc, nf_load **load,
                        nf_error *error) {
  error_clear(error);
  isize len;
  if (file_bytes < 1) {
    return error_set(error, NF_BAD_INPUT, E_STR("a model file of "), E_INT(file_bytes),
                     E_STR(" bytes"));
  }
  if (!isize_from_u64((u64)file_bytes, &len)) {
    return error_set(error, NF_NO_MEMORY, E_STR("the model file does not fit in memory"));
  }
  nf_load *l = os_memory_get((isize)sizeof *l);
  nf_engine *e = os_memory_get((isize)sizeof *e);
  u8 *file = os_memory_get(len);
  if (l == nullptr || e == nullptr || file == nullptr) {
    if (l != nullptr) os_memory_release(l, (isize)sizeof *l);
    if (e != nullptr) os_memory_release(e, (isize)sizeof *e);
    if (file != nullptr) os_memory_release(file, len);
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for a model file of "), E_INT(len),
                     E_STR(" bytes"));
  }
  e->file = (os_map){.at = file, .len = len};
  e->file_owned = FILE_BLOCK;
  l->engine = e;
  l->desc = *desc;
  gguf_stream_begin(&l->stream, (u64)len, file, len); /* the head lies where it belongs */
  *load = l;
  return NF_OK;
}

/* The directory, and what it alone tells. NF_NEED_BYTES: it is not whole yet. */
static nf_status head_load(nf_load *l, nf_bytes *chunk, nf_error *error) {
  nf_engine *e = l->engine;
  isize bytes;
  nf_status status = gguf_stream_head(&l->stream, chunk, &bytes, error);
  if (status != NF_OK) return status;
  void *block = os_memory_get(bytes);
  if (block == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for the model's directory, "),
                     E_INT(bytes), E_STR(" bytes"));
  }
  e->directory_block = block;
  e->directory_bytes = bytes;
  arena a = arena_of(block, bytes);
  status = gguf_stream_open(&l->stream, &a, error);
  if (status != NF_OK) return status;
  e->gguf = l->stream.file;
  return engine_head_fill(e, &l->desc, error);
}

static nf_status tensors_load(nf_load *l, nf_bytes chunk) {
  gguf_piece piece;
  while (gguf_stream_next(&l->stream, &chunk, &piece) == NF_OK) {
    const gguf_tensor *t = &l->stream.file.tensors[piece.i_tensor];
    isize n = isize_min(piece.bytes.len, t->bytes - piece.at);
    /* bytes of the head lie in their place already */
    bytes_move(l->engine->file.at + t->offset + piece.at, piece.bytes.at, n);
  }
  return l->stream.taken < l->stream.file_bytes ? NF_NEED_BYTES : NF_OK;
}

nf_status nf_load_bytes(nf_load *load, nf_bytes chunk, nf_error *error) {
  error_clear(error);
  if (load->engine == nullptr || load->failed) {
    return error_set(error, NF_BAD_INPUT, E_STR("this load has ended"));
  }
  nf_status status = NF_OK;
  if (chunk.len > 0 && (u64)chunk.len > load->stream.file_bytes - load->stream.taken) {
    status = error_set(error, NF_BAD_INPUT, E_STR("more bytes than the model file's "),
                       E_INT(load->stream.file_bytes));
  }
  if (status == NF_OK && load->stream.order == nullptr) status = head_load(load, &chunk, error);
  if (status == NF_OK) status = tensors_load(load, chunk);
  load->failed = status < 0;
  if (status >= 0) error_clear(error); /* of a directory that was not whole */
  return status;
}

nf_status nf_load_finish(nf_load *load, nf_engine **engine, nf_error *error) {
  error_clear(error);
  if (load->engine == nullptr || load->failed) {
    return error_set(error, NF_BAD_INPUT, E_STR("this load has ended"));
  }
  nf_status status = gguf_stream_end(&load->stream, error);
  if (status == NF_OK) status = engine_weights_fill(load->engine, error);
  load->failed = status != NF_OK;
  if (status != NF_OK) return status;
  *engine = load->engine;
  load->engine = nullptr;
  return NF_OK;
}

void nf_load_close(nf_load *load) {
  if (load == nullptr) return;
  nf_engine_close(load->engine);
  os_memory_release(load, (isize)sizeof *load);
}
