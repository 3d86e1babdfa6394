/* What the public calls refuse: each with the right status and one line that says what is wrong,
 * and nothing held afterwards. The line of a failure is gone after the next call that works.
 * Does NOT test damaged files byte by byte (fuzz/) or a failing machine (test_faults.c). */
#include "faults.h"

static nf_engine *engine;
static nf_session *session;

static nf_bytes tiny_file(gguf_make *g, tiny_llama_desc desc) {
  if (desc.n_layers == 0) desc.n_layers = 1;
  tiny_llama(g, desc);
  return gguf_make_finish(g);
}

static int refusals_setup(void **state) {
  (void)state;
  strcpy(folder, "/tmp/nf_test_refusals_XXXXXX");
  if (mkdtemp(folder) == nullptr) return -1;
  gguf_make g = {};
  file_write(in_folder("model.gguf"), tiny_file(&g, (tiny_llama_desc){.ctx_tokens = 160}));
  gguf_make_free(&g);
  file_write(in_folder("empty\nfile"), (nf_bytes){});
  nf_engine_desc desc = {.n_threads = 1};
  bool opened = TRY(nf_engine_open_file(in_folder("model.gguf"), &desc, &engine, &error)) &&
                TRY(nf_session_open(engine, &session, &error));
  return opened ? 0 : -1;
}

static int refusals_teardown(void **state) {
  (void)state;
  nf_session_close(session);
  nf_engine_close(engine);
  nothing_held();
  unlink(in_folder("model.gguf"));
  unlink(in_folder("empty\nfile"));
  return rmdir(folder);
}

static bool says(const char *what) {
  if (strstr(error.line, what) == nullptr) fail_msg("\"%s\" expected in: %s", what, error.line);
  return true;
}
#define REFUSED(want, what, call)                                      \
  do {                                                                 \
    nf_status got = NF_OK;                                             \
    if (TRY(got = (call))) fail_msg("%s worked", #call);               \
    if (got != (want)) fail_msg("%s: %d, %s", #call, got, error.line); \
    says(what);                                                        \
  } while (0)

/* ---- model ---- */
static nf_status open_with(nf_engine_desc desc) {
  nf_engine *other = nullptr;
  nf_status status = nf_engine_open_file(in_folder("model.gguf"), &desc, &other, &error);
  nf_engine_close(other);
  return status;
}

static nf_status open_path(const char *path) {
  nf_engine *other = nullptr;
  return nf_engine_open_file(path, &(nf_engine_desc){.n_threads = 1}, &other, &error);
}

/* Engine and session over a tiny model of this kind. */
static nf_status open_tiny(tiny_llama_desc kind) {
  gguf_make g = {};
  nf_bytes file = tiny_file(&g, kind);
  nf_engine *other = nullptr;
  nf_session *work = nullptr;
  nf_engine_desc desc = {.n_threads = 1};
  nf_status status = nf_engine_open_memory((u8 *)file.at, file.len, &desc, &other, &error);
  if (went(status, "nf_engine_open_memory")) status = nf_session_open(other, &work, &error);
  nf_session_close(work);
  nf_engine_close(other);
  gguf_make_free(&g);
  return status;
}

static void a_model_that_does_not_open_says_why(void **state) {
  (void)state;
  REFUSED(NF_IO, "none.gguf", open_path(in_folder("none.gguf")));
  REFUSED(NF_IO, "directory", open_path(folder));
  REFUSED(NF_BAD_INPUT, "empty?file is empty", open_path(in_folder("empty\nfile")));
  REFUSED(NF_UNSUPPORTED, "\"fast\"", open_with((nf_engine_desc){.kernels = "fast"}));
  REFUSED(NF_UNSUPPORTED, "1 tokens", open_with((nf_engine_desc){.ctx_tokens_max = 1}));
  REFUSED(NF_NO_MEMORY, "1000000 threads", open_with((nf_engine_desc){.n_threads = 1'000'000}));
  REFUSED(NF_UNSUPPORTED, "1 tokens", open_tiny((tiny_llama_desc){.ctx_tokens = 1}));
  REFUSED(NF_UNSUPPORTED, "none.such", open_tiny((tiny_llama_desc){.architecture = "none.such"}));
  REFUSED(NF_UNSUPPORTED, "chat_template", open_tiny((tiny_llama_desc){.chat_template = ""}));
  REFUSED(NF_UNSUPPORTED, "template", open_tiny((tiny_llama_desc){.chat_template = "hello"}));
  REFUSED(NF_UNSUPPORTED, "none-such", open_tiny((tiny_llama_desc){.pre = "none-such"}));
  static char template[60'000]; /* longer than any that is read: not a byte of it is kept */
  memset(template, 'j', sizeof template - 1);
  REFUSED(NF_UNSUPPORTED, "59999 bytes", open_tiny((tiny_llama_desc){.chat_template = template}));
  assert_true(TRY(open_tiny((tiny_llama_desc){.ctx_tokens = 2})));
  /* its directory does not fit the first block tried: no line is left of that */
  tiny_llama_desc many = {.n_layers = 400, .d_model = 32, .n_heads = 1};
  assert_true(TRY(open_tiny(many)));
}

/* ---- generation and edits ---- */
static nf_status ask(nf_generate_desc desc) {
  if (desc.messages == nullptr && desc.raw_prompt.at == nullptr) desc.raw_prompt = str("the end");
  return nf_generate_begin(session, &desc, &error);
}

static void a_generation_that_does_not_begin_says_why(void **state) {
  (void)state;
  nf_bytes piece, broken = str("a\xFFz");
  static char large[2000];
  memset(large, 'q', sizeof large - 1);
  nf_message none = {NF_USER, broken};
  nf_bytes stops[9] = {};
  for (int i = 0; i < 9; i++) stops[i] = str("x");
  REFUSED(NF_BAD_INPUT, "no generation", nf_generate_step(session, &piece, &error));
  REFUSED(NF_BAD_INPUT, "UTF-8", ask((nf_generate_desc){.raw_prompt = broken}));
  REFUSED(NF_BAD_INPUT, "UTF-8", ask((nf_generate_desc){.messages = &none, .n_messages = 1}));
  REFUSED(NF_BAD_INPUT, "empty", ask((nf_generate_desc){.messages = &none}));
  REFUSED(NF_BAD_INPUT, "160 tokens", ask((nf_generate_desc){.raw_prompt = str(large)}));
  REFUSED(NF_BAD_INPUT, "temperature", ask((nf_generate_desc){.sampling = {.temperature = -1}}));
  REFUSED(NF_BAD_INPUT, "8 stop", ask((nf_generate_desc){.stops = stops, .n_stops = 9}));
  stops[1] = str("");
  REFUSED(NF_BAD_INPUT, "stop", ask((nf_generate_desc){.stops = stops, .n_stops = 2}));
  REFUSED(NF_BAD_INPUT, "no generation", nf_generate_step(session, &piece, &error));
  assert_true(TRY(ask((nf_generate_desc){.output_tokens_max = 1})));
  assert_true(TRY(nf_generate_step(session, &piece, &error)));
}

static nf_status count(nf_generate_desc desc, int32_t *n) {
  return nf_generate_tokens(session, &desc, n, &error);
}

static void tokens_are_counted_beside_what_runs(void **state) {
  (void)state;
  static char large[2000], huge[3000];
  memset(large, 'q', sizeof large - 1);
  memset(huge, 'q', sizeof huge - 1);
  nf_bytes piece;
  int32_t n = -7, n_large = -7;
  REFUSED(NF_BAD_INPUT, "UTF-8", count((nf_generate_desc){.raw_prompt = str("a\xFFz")}, &n));
  REFUSED(NF_BAD_INPUT, "empty", count((nf_generate_desc){}, &n));
  REFUSED(NF_BAD_INPUT, "160 tokens", count((nf_generate_desc){.raw_prompt = str(huge)}, &n));
  assert_int_equal(n, -7);
  assert_true(TRY(ask((nf_generate_desc){.output_tokens_max = 3})));
  assert_int_equal(nf_generate_step(session, &piece, &error), NF_PENDING);
  assert_true(TRY(count((nf_generate_desc){.raw_prompt = str("the end")}, &n)));
  nf_receipt receipt;
  nf_generate_receipt(session, &receipt);
  assert_int_equal(n, receipt.input_tokens);
  assert_true(TRY(count((nf_generate_desc){.raw_prompt = str(large)}, &n_large)));
  assert_true(n_large > 160); /* more than the context holds */
  assert_int_equal(nf_generate_step(session, &piece, &error), NF_PENDING); /* as if not asked */
  assert_true(TRY(nf_generate_step(session, &piece, &error)));
  nf_generate_receipt(session, &receipt);
  assert_int_equal(receipt.output_tokens, 3);
}

static nf_status edit(nf_edit_desc desc) { return nf_edit_begin(session, &desc, &error); }

static void an_edit_that_does_not_begin_says_why(void **state) {
  (void)state;
  static char large[5000];
  memset(large, 'q', sizeof large - 1);
  static nf_bytes terms[300];
  REFUSED(NF_BAD_INPUT, "no edit", nf_edit_step(session, &error));
  REFUSED(NF_UNSUPPORTED, "rewrite", edit((nf_edit_desc){.task = NF_TASK_REWRITE}));
  REFUSED(NF_UNSUPPORTED, "task", edit((nf_edit_desc){.task = (nf_task)77}));
  REFUSED(NF_BAD_INPUT, "UTF-8", edit((nf_edit_desc){.text = str("a\xFFz")}));
  REFUSED(NF_BAD_INPUT, "4096", edit((nf_edit_desc){.text = str(large)}));
  REFUSED(NF_BAD_INPUT, "256 protected",
          edit((nf_edit_desc){.text = str("some words"), .protect = terms, .n_protect = 300}));
  REFUSED(NF_BAD_INPUT, "160 tokens", edit((nf_edit_desc){.text = str("some words")}));
  REFUSED(NF_BAD_INPUT, "no edit", nf_edit_step(session, &error));
  nf_bench_result result;
  REFUSED(NF_BAD_INPUT, "161 tokens", nf_bench(session, 1, &result, &error));
  assert_true(TRY(edit((nf_edit_desc){.text = str("12")}))); /* no words: done without the model */
  assert_true(TRY(nf_edit_step(session, &error)));
}

/* ---- captions and files ---- */
static void captions_and_files_say_what_is_wrong(void **state) {
  (void)state;
  nf_caption *doc = nullptr;
  nf_bytes file = {};
  REFUSED(NF_BAD_INPUT, "empty", nf_caption_open((nf_bytes){}, &doc, &error));
  REFUSED(NF_BAD_INPUT, "line 1", nf_caption_open(str("words"), &doc, &error));
  assert_null(doc);
  nf_bytes srt = str("1\n00:00:01,000 --> 00:00:02,000\nx\n");
  assert_true(TRY(nf_caption_open(srt, &doc, &error)));
  REFUSED(NF_BAD_INPUT, "line 2", nf_caption_text_set(doc, 0, str("a\n\nb"), &error));
  REFUSED(NF_BAD_INPUT, "UTF-8", nf_caption_text_set(doc, 0, str("\xFF"), &error));
  REFUSED(NF_BAD_INPUT, "-1 to 5", nf_caption_times_set(doc, 0, -1, 5, &error));
  REFUSED(NF_BAD_INPUT, "9 to 5", nf_caption_cue_insert(doc, 0, 9, 5, str("x"), &error));
  assert_true(TRY(nf_caption_cue_remove(doc, 0, &error)));
  nf_caption_close(doc);
  REFUSED(NF_IO, "none.srt", nf_file_read(in_folder("none.srt"), 100, &file, &error));
  REFUSED(NF_IO, "irectory", nf_file_read(folder, 100, &file, &error));
  REFUSED(NF_BAD_INPUT, "larger than 100", nf_file_read("/dev/zero", 100, &file, &error));
  REFUSED(NF_IO, "a.srt", nf_file_replace(in_folder("none/a.srt"), srt, &error));
  REFUSED(NF_IO, "irectory", nf_file_replace(folder, srt, &error));
  assert_null(file.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_model_that_does_not_open_says_why),
      cmocka_unit_test(a_generation_that_does_not_begin_says_why),
      cmocka_unit_test(tokens_are_counted_beside_what_runs),
      cmocka_unit_test(an_edit_that_does_not_begin_says_why),
      cmocka_unit_test(captions_and_files_say_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, refusals_setup, refusals_teardown);
}
