/* Opening a model whose file arrives in chunks. Implements the load part of include/nearfield.h:
 * gguf/stream.h finds directory and tensors in the chunks. For the CPU each tensor's bytes are
 * copied to their place in one block of the file's length, which becomes the engine's; for the GPU
 * only the file's head is kept, and tensors go to the device as they come (model_gpu.h). Owns that
 * engine until it is handed out. Read next: engine.c, which knows what an engine is made of. */
#include "api/internal.h"
#include "base/text_out.h"
#include "gguf/stream.h"
#include "model/model_gpu.h"

constexpr isize HEAD_BYTES_FIRST = 1 << 22; /* of a file that goes to the GPU */

struct nf_load {
  nf_engine *engine; /* null: handed out */
  nf_engine_desc desc;
  gguf_stream stream;
  gguf_piece piece;  /* what the GPU has not taken yet; empty: nothing */
  isize chunk_taken; /* bytes of the chunk that are on their way, when a call said NF_PENDING */
  bool piece_in_chunk; /* the piece's bytes lie in the chunk, right before chunk_taken */
  bool failed;
};

/* Room for the file's bytes, or for its head where the rest goes to the GPU. */
static nf_status file_room(nf_engine *e, isize file_bytes, nf_error *error) {
  isize len = e->on_gpu ? isize_min(file_bytes, HEAD_BYTES_FIRST) : file_bytes;
  u8 *file = os_memory_get(len);
  if (file == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for a model file of "), E_INT(len),
                     E_STR(" bytes"));
  }
  e->file = (os_map){.at = file, .len = len};
  e->file_owned = FILE_BLOCK;
  e->file_bytes = file_bytes;
  return NF_OK;
}

/* A load and its engine. false: no memory. */
static bool load_make(nf_load **load) {
  nf_load *l = os_memory_get((isize)sizeof *l);
  if (l == nullptr) return false;
  l->engine = os_memory_get((isize)sizeof *l->engine);
  if (l->engine == nullptr) {
    os_memory_release(l, (isize)sizeof *l);
    return false;
  }
  *load = l;
  return true;
}

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
  nf_load *l;
  if (!load_make(&l)) return error_set(error, NF_NO_MEMORY, E_STR("no memory for a model"));
  nf_engine *e = l->engine;
  nf_status status = engine_gpu_choose(e, desc, error);
  if (status == NF_OK) status = file_room(e, len, error);
  if (status != NF_OK) {
    nf_load_close(l);
    return status;
  }
  l->desc = *desc;
  /* for the CPU the head lies where it belongs */
  gguf_stream_begin(&l->stream, (u64)len, e->file.at, e->file.len);
  *load = l;
  return NF_OK;
}

/* The head's block is full and the directory goes on: twice the room. */
static nf_status head_grow(nf_load *l, nf_error *error) {
  nf_engine *e = l->engine;
  isize len = isize_min(bytes_add(e->file.len, e->file.len), e->file_bytes);
  u8 *file = os_memory_get(len);
  if (file == nullptr) {
    return error_set(error, NF_NO_MEMORY, E_STR("no memory for the model's directory, "),
                     E_INT(len), E_STR(" bytes"));
  }
  gguf_stream_head_move(&l->stream, file, len);
  os_memory_release(e->file.at, e->file.len);
  e->file = (os_map){.at = file, .len = len};
  return NF_OK;
}

/* The directory, and what it alone tells. NF_NEED_BYTES: it is not whole yet. */
static nf_status head_load(nf_load *l, nf_bytes *chunk, nf_error *error) {
  nf_engine *e = l->engine;
  isize bytes;
  nf_status status;
  while ((status = gguf_stream_head(&l->stream, chunk, &bytes, error)) == NF_NO_MEMORY &&
         e->on_gpu && e->file.len < e->file_bytes) {
    nf_status grown = head_grow(l, error);
    if (grown != NF_OK) return grown;
  }
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
  status = engine_head_fill(e, &l->desc, error);
  if (status != NF_OK) return status;
  if (!e->on_gpu) return engine_session_reserve(e, l->desc.ctx_tokens_max == 0, error);
  return model_gpu_open(&e->gguf, e->ctx_tokens, &e->tables, &e->model, error);
}

static nf_status tensors_load(nf_load *l, nf_bytes chunk) {
  gguf_piece piece;
  while (gguf_stream_next(&l->stream, &chunk, &piece) == NF_OK) {
    const gguf_tensor *t = &l->stream.file.tensors[piece.i_tensor];
    isize n = isize_min(piece.bytes.len, t->bytes - piece.at);
    u8 *to = l->engine->file.at + t->offset + piece.at;
    /* bytes of the head lie in their place already, and those put there by the caller */
    if (to != piece.bytes.at) bytes_move(to, piece.bytes.at, n);
  }
  return l->stream.taken < l->stream.file_bytes ? NF_NEED_BYTES : NF_OK;
}

/* The same to the GPU. left: what the stream has not seen of the chunk. */
static nf_status tensors_send(nf_load *l, nf_bytes chunk, nf_bytes left, nf_error *error) {
  if (l->piece.bytes.len > 0 && l->piece_in_chunk) {
    l->piece.bytes.at = chunk.at + (l->chunk_taken - l->piece.bytes.len);
  }
  for (;;) {
    if (l->piece.bytes.len == 0) {
      if (gguf_stream_next(&l->stream, &left, &l->piece) != NF_OK) break;
      uintptr_t at = (uintptr_t)l->piece.bytes.at, from = (uintptr_t)chunk.at;
      l->piece_in_chunk = at >= from && at < from + (uintptr_t)chunk.len;
    }
    nf_status status = model_gpu_take(l->engine->model, &l->piece, error);
    if (status == NF_PENDING) l->chunk_taken = chunk.len - left.len;
    if (status != NF_OK) return status;
  }
  l->chunk_taken = 0;
  return l->stream.taken < l->stream.file_bytes ? NF_NEED_BYTES : NF_OK;
}

uint8_t *nf_load_place(const nf_load *load, int64_t n) {
  if (load->engine == nullptr || load->failed || load->engine->on_gpu || n < 0) return nullptr;
  u64 taken = load->stream.taken;
  return (u64)n <= load->stream.file_bytes - taken ? load->engine->file.at + taken : nullptr;
}

nf_status nf_load_bytes(nf_load *load, nf_bytes chunk, nf_error *error) {
  error_clear(error);
  if (load->engine == nullptr || load->failed) {
    return error_set(error, NF_BAD_INPUT, E_STR("this load has ended"));
  }
  nf_status status = NF_OK;
  if (chunk.len < load->chunk_taken) {
    return error_set(error, NF_BAD_INPUT, E_STR("after NF_PENDING comes the same chunk again"));
  }
  nf_bytes left = bytes_slice(chunk, load->chunk_taken, chunk.len);
  if (left.len > 0 && (u64)left.len > load->stream.file_bytes - load->stream.taken) {
    status = error_set(error, NF_BAD_INPUT, E_STR("more bytes than the model file's "),
                       E_INT(load->stream.file_bytes));
  }
  if (status == NF_OK && load->stream.order == nullptr) status = head_load(load, &left, error);
  if (status == NF_OK) {
    status =
        load->engine->on_gpu ? tensors_send(load, chunk, left, error) : tensors_load(load, left);
  }
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
  if (status == NF_OK && load->piece.bytes.len > 0) {
    status = error_set(error, NF_BAD_INPUT, E_STR("the last chunk was not taken yet"));
  }
  if (status == NF_OK) status = engine_weights_fill(load->engine, error);
  load->failed = status < 0;
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
