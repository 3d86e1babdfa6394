/* Tests of gguf/stream.h: a file cut at any place gives the same tensors as the whole one; short,
 * long and garbled files end with a status. */
#include "gguf/stream.h"

#include "base/text_out.h"
#include "cmocka_all.h"
#include "gguf/tiny_llama.h"

static u8 head_block[1 << 20];
static _Alignas(64) u8 directory[1 << 16];

/* What came of a stream: the tensors' bytes joined, or why it stopped. */
typedef struct {
  nf_status status;
  nf_error error;
  u8 *bytes; /* [file.len], each tensor at its offset */
  isize n_bytes, n_pieces, head_moves;
} outcome;

/* Pieces follow each other inside a tensor, tensors in file order. */
static void piece_take(outcome *o, const gguf_stream *s, const gguf_piece *piece, isize *i_tensor,
                       isize *at) {
  const gguf_tensor *t = &s->file.tensors[piece->i_tensor];
  if (piece->i_tensor != *i_tensor) {
    if (*i_tensor >= 0) {
      assert_true(s->file.tensors[*i_tensor].offset < t->offset);
      assert_true(*at >= s->file.tensors[*i_tensor].bytes);
    }
    *i_tensor = piece->i_tensor;
    *at = 0;
  }
  assert_int_equal(piece->at, *at);
  assert_true(piece->bytes.len > 0 && piece->bytes.len % 4 == 0);
  isize n = isize_min(piece->bytes.len, t->bytes - piece->at);
  assert_true(n > piece->bytes.len - 4);
  for (isize i = n; i < piece->bytes.len; i++) assert_int_equal(piece->bytes.at[i], 0);
  memcpy(o->bytes + t->offset + piece->at, piece->bytes.at, (size_t)n);
  *at += piece->bytes.len;
  o->n_bytes += n;
  o->n_pieces++;
}

/* Stream `file`, announced as `file_bytes` long, in chunks of lengths step_min ... step_max. */
static outcome stream_all(nf_bytes file, u64 file_bytes, isize step_min, isize step_max,
                          isize head_cap) {
  outcome o = {.bytes = calloc(1, (size_t)file.len)};
  assert_non_null(o.bytes);
  gguf_stream s;
  gguf_stream_begin(&s, file_bytes, head_block, head_cap);
  isize from = 0, i_tensor = -1, at = 0, directory_bytes = 0;
  u64 seed = 7;
  bool open = false;
  while (from < file.len) {
    isize n = step_min + (isize)(make_random(&seed) % (u64)(step_max - step_min + 1));
    nf_bytes chunk = bytes_slice(file, from, isize_min(from + n, file.len));
    from += chunk.len;
    while (!open) {
      o.status = gguf_stream_head(&s, &chunk, &directory_bytes, &o.error);
      if (o.status == NF_NO_MEMORY) {
        isize half = (isize)sizeof head_block / 2; /* the halves take turns */
        gguf_stream_head_move(&s, head_block + (o.head_moves % 2 ? 0 : half), 2 * s.head_cap);
        assert_true(s.head_cap <= half);
        o.head_moves++;
        continue;
      }
      if (o.status < 0) return o;
      if (o.status == NF_NEED_BYTES) break;
      assert_true(directory_bytes <= (isize)sizeof directory);
      arena a = arena_of(directory, directory_bytes);
      o.status = gguf_stream_open(&s, &a, &o.error);
      if (o.status != NF_OK) return o;
      open = true;
    }
    gguf_piece piece;
    while (open && gguf_stream_next(&s, &chunk, &piece) == NF_OK) {
      piece_take(&o, &s, &piece, &i_tensor, &at);
    }
    assert_int_equal(chunk.len, 0);
  }
  if (open && o.status == NF_OK) o.status = gguf_stream_end(&s, &o.error);
  return o;
}

/* Tensors joined again equal the file's, and none is missing. */
static void is_whole(nf_bytes file, const outcome *o) {
  assert_int_equal(o->status, NF_OK);
  gguf_file whole;
  arena a = arena_of(directory, sizeof directory);
  assert_int_equal(gguf_open(file, (u64)file.len, &a, &whole, nullptr), NF_OK);
  isize bytes = 0;
  for (isize i = 0; i < whole.n_tensors; i++) {
    const gguf_tensor *t = &whole.tensors[i];
    assert_memory_equal(o->bytes + t->offset, file.at + t->offset, (size_t)t->bytes);
    bytes += t->bytes;
  }
  assert_int_equal(o->n_bytes, bytes);
}

/* Three tensors with lengths that are no multiple of 4, beside a whole model. */
static nf_bytes odd_file(gguf_make *g) {
  u64 seed = 3;
  gguf_make_str(g, "general.architecture", "llama");
  gguf_make_random(g, "a", GGUF_Q4_0, 32, 1, &seed, 1.0f);
  gguf_make_random(g, "b", GGUF_Q8_0, 32, 3, &seed, 1.0f);
  gguf_make_random(g, "c", GGUF_F16, 1, 1, &seed, 1.0f);
  return gguf_make_finish(g);
}

static void any_cut_gives_the_same_tensors(void **state) {
  (void)state;
  gguf_make model = {}, odd = {};
  tiny_llama(&model, (tiny_llama_desc){.type = GGUF_Q4_0, .embed_type = GGUF_Q8_0});
  nf_bytes files[] = {gguf_make_finish(&model), odd_file(&odd)};
  const isize steps[][2] = {
      {1, 1}, {1, 9}, {3, 3}, {1, 4096}, {1 << 16, 1 << 16}, {1 << 24, 1 << 24}};
  for (isize f = 0; f < 2; f++) {
    for (isize i = 0; i < (isize)(sizeof steps / sizeof steps[0]); i++) {
      outcome o = stream_all(files[f], (u64)files[f].len, steps[i][0], steps[i][1], 1 << 19);
      is_whole(files[f], &o);
      free(o.bytes);
    }
  }
  gguf_make_free(&model);
  gguf_make_free(&odd);
}

static void a_small_head_grows(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = tiny_llama_file(&g, (tiny_llama_desc){.type = GGUF_Q4_1});
  outcome o = stream_all(file, (u64)file.len, 1, 1000, 256);
  is_whole(file, &o);
  assert_true(o.head_moves > 0);
  free(o.bytes);
  gguf_make_free(&g);
}

static void a_file_cut_short_is_refused(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = odd_file(&g);
  for (isize n = 0; n < file.len; n++) {
    outcome o = stream_all(bytes_slice(file, 0, n), (u64)file.len, 16, 16, 1 << 16);
    assert_true(o.status == NF_BAD_INPUT || o.status == NF_NEED_BYTES || n == 0);
    free(o.bytes);
    o = stream_all(bytes_slice(file, 0, n), (u64)n, 16, 16, 1 << 16); /* announced as short */
    assert_true(o.status == NF_BAD_INPUT || n == 0);
    assert_true(n == 0 || o.error.line[0] != 0);
    free(o.bytes);
  }
  outcome o = stream_all(file, (u64)file.len - 4, 64, 64, 1 << 16);
  assert_int_equal(o.status, NF_BAD_INPUT);
  free(o.bytes);
  gguf_make_free(&g);
}

/* Whatever a changed byte makes of the directory: a status or tensors inside the file. */
static void a_garbled_file_ends(void **state) {
  (void)state;
  gguf_make g = {};
  nf_bytes file = odd_file(&g);
  u8 *copy = malloc((size_t)file.len);
  assert_non_null(copy);
  for (isize i = 0; i < file.len; i++) {
    for (int bit = 0; bit < 8; bit++) {
      memcpy(copy, file.at, (size_t)file.len);
      copy[i] ^= (u8)(1 << bit);
      outcome o = stream_all(bytes_of(copy, file.len), (u64)file.len, 7, 90, 1 << 16);
      assert_true(o.status <= 0);
      free(o.bytes);
    }
  }
  free(copy);
  gguf_make_free(&g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_cut_gives_the_same_tensors),
      cmocka_unit_test(a_small_head_grows),
      cmocka_unit_test(a_file_cut_short_is_refused),
      cmocka_unit_test(a_garbled_file_ends),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
