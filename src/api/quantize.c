/* Quantizing a model file. Implements the quantize part of include/nearfield.h. Owns the open
 * files and one block: the directories of both files and a part of one tensor at a time. Which
 * tensors change is gguf/quantize.c's, what their blocks are gguf/quant_encode.c's. */
#include "gguf/quantize.h"
#include "api/internal.h"
#include "base/text_out.h"
#include "gguf/quant.h"

constexpr isize DIRECTORY_BYTES_FIRST = (isize)4 << 20; /* tried first; SmolLM2's takes 1.8 MB */
constexpr isize PART_ELEMENTS = (isize)1 << 18;         /* a multiple of every block */
constexpr isize PART_BYTES = PART_ELEMENTS * (isize)sizeof(f32); /* of the widest type */

struct nf_quantize {
  os_file in;
  os_replacement out;
  gguf_file dir;
  gguf_type *to;  /* [dir.n_tensors] */
  u8 *from, *made; /* [PART_BYTES] */
  isize alignment;
  isize i_tensor, at; /* the next element */
  u8 *prefix, *block;
  isize prefix_bytes, block_bytes;
};

static nf_status no_memory(nf_error *error, isize bytes) {
  return error_set(error, NF_NO_MEMORY, E_STR("no memory to quantize, "), E_INT(bytes),
                   E_STR(" bytes"));
}

static gguf_type type_of(nf_weight_type type, gguf_type fallback) {
  switch (type) {
    case NF_WEIGHT_DEFAULT: break;
    case NF_WEIGHT_Q4_0: return GGUF_Q4_0;
    case NF_WEIGHT_Q4_1: return GGUF_Q4_1;
    case NF_WEIGHT_Q8_0: return GGUF_Q8_0;
  }
  return fallback;
}

/* The file's start, as much as its directory takes; *dir_bytes: the arena it needs. */
static nf_status prefix_read(nf_quantize *q, isize *dir_bytes, nf_error *error) {
  isize want = DIRECTORY_BYTES_FIRST;
  for (;;) {
    isize bytes = q->in.bytes < (u64)want ? (isize)q->in.bytes : want;
    q->prefix = os_memory_get(isize_max(bytes, 1));
    q->prefix_bytes = bytes;
    if (!q->prefix) return no_memory(error, bytes);
    nf_status status = os_file_read_at(&q->in, 0, q->prefix, bytes, error);
    if (!status) {
      status = gguf_arena_bytes(bytes_of(q->prefix, bytes), q->in.bytes, dir_bytes, error);
    }
    bool whole = (u64)bytes == q->in.bytes;
    if (status == NF_NEED_BYTES && whole) {
      return error_set(error, NF_BAD_INPUT, E_STR("GGUF file: cut in its directory, at byte "),
                       E_INT(bytes));
    }
    if (status != NF_NEED_BYTES) return status;
    os_memory_release(q->prefix, isize_max(bytes, 1));
    q->prefix = nullptr;
    want *= 4;
  }
}

/* The one block: directory, plan, two parts of a tensor. */
static nf_status block_open(nf_quantize *q, isize dir_bytes, const quantize_types *types,
                            nf_error *error) {
  /* the plan takes less than the directory: a number for each of its tensors */
  q->block_bytes = bytes_add(bytes_add(dir_bytes, dir_bytes), 2 * PART_BYTES + (isize)3 * 64);
  q->block = os_memory_get(q->block_bytes);
  if (!q->block) return no_memory(error, q->block_bytes);
  arena a = arena_of(q->block, q->block_bytes);
  nf_status status =
      gguf_open(bytes_of(q->prefix, q->prefix_bytes), q->in.bytes, &a, &q->dir, error);
  if (status) return status;
  q->to = arena_new(&a, q->dir.n_tensors, gguf_type);
  q->from = arena_alloc_raw(&a, PART_BYTES, 1, 64);
  q->made = arena_alloc_raw(&a, PART_BYTES, 1, 64);
  ASSERT(q->to && q->from && q->made);
  return quantize_plan(&q->dir, types, q->to, error);
}

static nf_status directory_out(nf_quantize *q, gguf_type type, nf_error *error) {
  gguf_writer count = {};
  quantize_directory_write(&q->dir, type, q->to, &count);
  gguf_writer w = {.to = os_memory_get(count.len)};
  if (!w.to) return no_memory(error, count.len);
  quantize_directory_write(&q->dir, type, q->to, &w);
  ASSERT(w.len == count.len);
  q->alignment = w.alignment;
  nf_status status = os_replacement_write(&q->out, bytes_of(w.to, w.len), error);
  os_memory_release(w.to, count.len);
  return status;
}

nf_status nf_quantize_begin(const char *in, const char *out, const nf_quantize_desc *desc,
                            nf_quantize **quantize, nf_error *error) {
  error_clear(error);
  nf_quantize *q = os_memory_get((isize)sizeof *q);
  if (!q) return no_memory(error, (isize)sizeof *q);
  q->in.fd = q->out.fd = -1;
  const gguf_type type = type_of(desc->type, GGUF_Q8_0);
  const quantize_types types = {.type = type,
                                .head = type_of(desc->head, GGUF_Q8_0),
                                .embedding = type_of(desc->embedding, type)};
  isize dir_bytes = 0;
  nf_status status = os_file_open(in, &q->in, error);
  if (!status) status = prefix_read(q, &dir_bytes, error);
  if (!status) status = block_open(q, dir_bytes, &types, error);
  if (!status) status = os_replacement_begin(out, &q->out, error);
  if (!status) status = directory_out(q, type, error);
  if (status) {
    nf_quantize_close(q);
    return status;
  }
  *quantize = q;
  return NF_OK;
}

/* Zeros behind a tensor's last byte. */
static nf_status padding_out(nf_quantize *q, isize bytes, nf_error *error) {
  isize n = round_up(bytes, q->alignment) - bytes;
  ASSERT(n <= PART_BYTES);
  bytes_zero(q->made, n);
  return os_replacement_write(&q->out, bytes_of(q->made, n), error);
}

/* The next part of tensor i_tensor. */
static nf_status part_out(nf_quantize *q, nf_error *error) {
  const gguf_tensor *t = &q->dir.tensors[q->i_tensor];
  gguf_type to = q->to[q->i_tensor];
  isize n_all = t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3];
  isize n = isize_min(PART_ELEMENTS, n_all - q->at);
  nf_status status = os_file_read_at(&q->in, t->offset + (u64)quant_row_bytes(t->type, q->at),
                                     q->from, quant_row_bytes(t->type, n), error);
  const u8 *made = q->from;
  if (!status && to != t->type) {
    made = q->made;
    status = quant_convert_row(t->type, q->from, to, q->made, n);
    ASSERT(status == NF_OK || status == NF_BAD_INPUT);
    if (status) {
      error_set(error, status, E_STR("GGUF file, tensor "), E_FOREIGN(t->name),
                E_STR(": has a value that is not a number from -65504 to 65504"));
    }
  }
  if (!status) {
    status = os_replacement_write(&q->out, bytes_of(made, quant_row_bytes(to, n)), error);
  }
  if (status) return status;
  q->at += n;
  if (q->at < n_all) return NF_OK;
  q->at = 0;
  q->i_tensor++;
  return padding_out(q, quant_row_bytes(to, n_all), error);
}

nf_status nf_quantize_step(nf_quantize *q, nf_error *error) {
  error_clear(error);
  if (q->i_tensor == q->dir.n_tensors) return os_replacement_commit(&q->out, error);
  nf_status status = part_out(q, error);
  return status == NF_OK ? NF_PENDING : status;
}

void nf_quantize_close(nf_quantize *q) {
  if (!q) return;
  os_replacement_drop(&q->out);
  if (q->in.fd >= 0) os_file_close(&q->in);
  os_memory_release(q->block, q->block_bytes);
  os_memory_release(q->prefix, isize_max(q->prefix_bytes, 1));
  os_memory_release(q, (isize)sizeof *q);
}
