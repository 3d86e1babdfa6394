/* See stream.h. The directory's length is not known before it was read: it is tried each time the
 * head has doubled, so that all tries together cost about one more walk over it. What the head
 * holds beyond the directory are tensor bytes; they are handed on from there. */
#include "gguf/stream.h"

#include "base/text_out.h"
#include "gguf/gguf_check.h"

constexpr isize HEAD_TRY_FIRST = 1 << 16, WORD = 4;

void gguf_stream_begin(gguf_stream *s, u64 file_bytes, u8 *head, isize head_cap) {
  *s = (gguf_stream){
      .file_bytes = file_bytes, .head = head, .head_cap = head_cap, .head_try = HEAD_TRY_FIRST};
}

void gguf_stream_head_move(gguf_stream *s, u8 *head, isize head_cap) {
  ASSERT(s->order == nullptr && head_cap >= s->head_len);
  bytes_copy(head, s->head, s->head_len);
  s->head = head;
  s->head_cap = head_cap;
}

static void head_take(gguf_stream *s, nf_bytes *chunk) {
  isize n = isize_min(chunk->len, isize_min(s->head_try, s->head_cap) - s->head_len);
  u64 left = s->file_bytes - (u64)s->head_len;
  if ((u64)n > left) n = (isize)left;
  if (n <= 0) return;
  u8 *to = s->head + s->head_len;
  if (to != chunk->at) bytes_copy(to, chunk->at, n); /* else the caller has put them there */
  s->head_len += n;
  s->taken += (u64)n;
  *chunk = bytes_slice(*chunk, n, chunk->len);
}

nf_status gguf_stream_head(gguf_stream *s, nf_bytes *chunk, isize *directory_bytes,
                           nf_error *error) {
  for (;;) {
    head_take(s, chunk);
    bool whole = (u64)s->head_len == s->file_bytes;
    if (s->head_len < s->head_try && !whole) {
      return s->head_len == s->head_cap
                 ? error_set(error, NF_NO_MEMORY, E_STR("the model's directory is longer than "),
                             E_INT(s->head_cap), E_STR(" bytes"))
                 : NF_NEED_BYTES;
    }
    isize bytes;
    nf_status status =
        gguf_arena_bytes(bytes_of(s->head, s->head_len), s->file_bytes, &bytes, error);
    if (status == NF_OK) {
      *directory_bytes = bytes; /* counts gguf_check's order too, which is not kept */
      return NF_OK;
    }
    if (status != NF_NEED_BYTES) return status;
    if (whole) {
      return error_set(error, NF_BAD_INPUT,
                       E_STR("the model file ends inside its directory, after "),
                       E_INT(s->head_len), E_STR(" bytes"));
    }
    s->head_try = bytes_add(s->head_try, s->head_try);
  }
}

nf_status gguf_stream_open(gguf_stream *s, arena *a, nf_error *error) {
  ASSERT(s->order == nullptr);
  arena start = *a;
  gguf_file file;
  nf_status status = gguf_open(bytes_of(s->head, s->head_len), s->file_bytes, a, &file, error);
  if (status != NF_OK) return status;
  isize *order = arena_new(a, file.n_tensors, isize);
  if (order == nullptr) {
    *a = start;
    return error_set(error, NF_NO_MEMORY, E_STR("no room for the order of "), E_INT(file.n_tensors),
                     E_STR(" tensors"));
  }
  gguf_order_by_offset(&file, order);
  s->file = file;
  s->order = order;
  return NF_OK;
}

/* The known bytes that begin at s->at: the rest of the head, then the chunk. */
static nf_bytes known(const gguf_stream *s, const nf_bytes *chunk) {
  if (s->at >= (u64)s->head_len) return *chunk;
  return bytes_of(s->head + s->at, s->head_len - (isize)s->at);
}

static void skip(gguf_stream *s, nf_bytes *chunk, isize n) {
  if (s->at >= (u64)s->head_len) {
    *chunk = bytes_slice(*chunk, n, chunk->len);
    s->taken += (u64)n;
  }
  s->at += (u64)n;
}

/* Add known bytes to the word begun before; true: it is whole, or the tensor ends with it. */
static bool word_fill(gguf_stream *s, nf_bytes *chunk, isize left) {
  nf_bytes from = known(s, chunk);
  isize n = isize_min(isize_min(WORD - s->n_word, left), from.len);
  bytes_copy(s->word + s->n_word, from.at, n);
  s->n_word += n;
  skip(s, chunk, n);
  if (s->n_word < WORD && n < left) return false;
  bytes_zero(s->word + s->n_word, WORD - s->n_word);
  return true;
}

nf_status gguf_stream_next(gguf_stream *s, nf_bytes *chunk, gguf_piece *piece) {
  ASSERT(s->order != nullptr);
  for (;;) {
    nf_bytes from = known(s, chunk);
    const gguf_tensor *t =
        s->i_order < s->file.n_tensors ? &s->file.tensors[s->order[s->i_order]] : nullptr;
    if (t != nullptr && s->at >= t->offset + (u64)t->bytes && s->n_word == 0) {
      s->i_order++;
      continue;
    }
    if (from.len == 0) return NF_NEED_BYTES;
    if (t == nullptr || s->at < t->offset) { /* padding, or what follows the last tensor */
      u64 gap = t != nullptr ? t->offset - s->at : (u64)from.len;
      skip(s, chunk, gap < (u64)from.len ? (isize)gap : from.len);
      continue;
    }
    isize at = (isize)(s->at - t->offset), left = t->bytes - at;
    isize n = isize_min(left, from.len) / WORD * WORD;
    if (s->n_word > 0 || n == 0) {
      isize word_at = at - s->n_word;
      if (!word_fill(s, chunk, left)) continue;
      s->n_word = 0;
      *piece = (gguf_piece){s->order[s->i_order], word_at, bytes_of(s->word, WORD)};
      return NF_OK;
    }
    skip(s, chunk, n);
    *piece = (gguf_piece){s->order[s->i_order], at, bytes_slice(from, 0, n)};
    return NF_OK;
  }
}

nf_status gguf_stream_end(const gguf_stream *s, nf_error *error) {
  if (s->taken == s->file_bytes) return NF_OK;
  return error_set(error, NF_BAD_INPUT, E_STR("the model file has "), E_INT(s->taken),
                   E_STR(" bytes, "), E_INT(s->file_bytes), E_STR(" expected"));
}
