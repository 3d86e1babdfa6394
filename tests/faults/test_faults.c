/* Every call of the operating system fails once, for each place where one is made: opening a
 * model or an adapter, quantizing, generating, editing, caption documents, reading and replacing
 * files. Each failure must end in a status with one line, hold nothing afterwards, leave the old
 * file or the new one, and the call must work when it is made again, with the result it has without
 * a failure. The failures come from src/os/os_test.c; what a run is and how it is judged is in
 * faults.h. Does NOT test foreign bytes (fuzz/) or refusals of the caller's input
 * (test_refusals.c). */
#include "faults.h"
#include "model/adapter_make.h"

static u8 model_bytes[1 << 18], adapter_bytes[1 << 16];
static isize model_len, adapter_len;
alignas(64) static u8 model_copy[1 << 18];

static const char srt_cue[] =
    "\r\n00:00:%02d,%03d --> 00:00:%02d,900\r\nLine %d of <i>many</i>\r\n";
static u8 many_cues[1 << 16];
static nf_bytes captions; /* of the document that caption_run opens */

static int faults_setup(void **state) {
  (void)state;
  strcpy(folder, "/tmp/nf_test_faults_XXXXXX");
  if (mkdtemp(folder) == nullptr) return -1;
  gguf_make g = {};
  nf_bytes file = tiny_llama_file(
      &g, (tiny_llama_desc){.type = GGUF_Q4_1, .n_layers = MAKE_LAYERS, .ctx_tokens = 4096});
  assert_true(file.len <= (isize)sizeof model_bytes);
  memcpy(model_bytes, file.at, file.len);
  model_len = file.len;
  file_write(in_folder("model.gguf"), file);
  gguf_make_free(&g);
  adapter_make(&g, 4, 8, GGUF_F16, GGUF_F16, 0x7F);
  file = gguf_make_finish(&g);
  assert_true(file.len <= (isize)sizeof adapter_bytes);
  memcpy(adapter_bytes, file.at, file.len);
  adapter_len = file.len;
  file_write(in_folder("adapter.gguf"), file);
  gguf_make_free(&g);
  isize len = 0;
  for (int i = 0; i < 300; i++) {
    int n = snprintf((char *)many_cues + len, 100, "%d", i + 1);
    n += snprintf((char *)many_cues + len + n, 100, srt_cue, i / 10, i % 10 * 90, i / 10, i);
    len += n + snprintf((char *)many_cues + len + n, 100, "\r\n");
  }
  file_write(in_folder("many.srt"), (nf_bytes){many_cues, len});
  captions = (nf_bytes){many_cues, len};
  return 0;
}

static int faults_teardown(void **state) {
  (void)state;
  os_test_script(OS_TEST_NONE, 0);
  static const char *const names[] = {"model.gguf", "adapter.gguf", "many.srt", "old.srt",
                                      "new.srt"};
  for (int i = 0; i < 5; i++) unlink(in_folder(names[i]));
  return rmdir(folder);
}

static const char old_text[] = "the old file";

/* ---- model ---- */
static void model_run(void) {
  nf_engine *engine = nullptr;
  nf_session *session = nullptr;
  nf_engine_desc desc = {.n_threads = 3, .ctx_tokens_max = 4096};
  STEP(nf_engine_open_file(in_folder("model.gguf"), &desc, &engine, &error));
  STEP(nf_session_open(engine, &session, &error));
  nf_message message = {NF_USER, str("the end")};
  nf_generate_desc ask = {.messages = &message, .n_messages = 1, .output_tokens_max = 12};
  STEP(nf_generate_begin(session, &ask, &error));
  for (nf_status status = NF_PENDING; status == NF_PENDING;) {
    nf_bytes piece;
    STEP(status = nf_generate_step(session, &piece, &error));
    note(piece);
  }
  static const nf_task tasks[] = {NF_TASK_FIX, NF_TASK_SHORTEN};
  for (int i = 0; i < 2; i++) {
    nf_edit_desc edit = {.task = tasks[i],
                         .text = str("Well, you know, he go <i>to the</i> store."),
                         .max_chars = i == 0 ? 0 : 30};
    STEP(nf_edit_begin(session, &edit, &error));
    for (nf_status status = NF_PENDING; status == NF_PENDING;) {
      STEP(status = nf_edit_step(session, &error));
    }
    nf_edit_result result;
    nf_edit_result_get(session, &result);
    note(result.text);
    note(str(result.why));
    note_number(result.receipt.output_tokens);
  }
  complete = true;
end:
  nf_session_close(session);
  nf_engine_close(engine);
}

/* An adapter read from a file and from memory, used, and converted. */
static void adapter_run(void) {
  nf_engine *engine = nullptr;
  nf_session *session = nullptr;
  nf_adapter *adapters[2] = {};
  nf_bytes converted = {};
  const nf_engine_desc desc = {.n_threads = 1, .ctx_tokens_max = 64};
  STEP(nf_engine_open_file(in_folder("model.gguf"), &desc, &engine, &error));
  STEP(nf_adapter_open_file(engine, in_folder("adapter.gguf"), &adapters[0], &error));
  nf_bytes file = {adapter_bytes, adapter_len};
  const nf_adapter_convert_desc small = {.type = NF_ADAPTER_Q8_0};
  STEP(nf_adapter_convert(engine, file, &small, &converted, &error));
  note(converted);
  STEP(nf_adapter_open_memory(engine, converted, &adapters[1], &error));
  STEP(nf_session_open(engine, &session, &error));
  for (int i = 0; i < 2; i++) {
    nf_generate_desc ask = {
        .raw_prompt = str("the"), .output_tokens_max = 4, .adapter = adapters[i]};
    STEP(nf_generate_begin(session, &ask, &error));
    for (nf_status status = NF_PENDING; status == NF_PENDING;) {
      nf_bytes piece;
      STEP(status = nf_generate_step(session, &piece, &error));
      note(piece);
    }
  }
  complete = true;
end:
  nf_session_close(session);
  nf_file_free(converted);
  for (int i = 0; i < 2; i++) nf_adapter_close(adapters[i]);
  nf_engine_close(engine);
}

static void adapter_works_or_says_why(void **state) {
  (void)state;
  sweep(adapter_run);
}

static void model_works_or_says_why(void **state) {
  (void)state;
  sweep(model_run);
}

static void memory_model_run(void) {
  nf_engine *engine = nullptr;
  nf_engine_desc desc = {.n_threads = 2};
  memcpy(model_copy, model_bytes, model_len);
  mode = mode == OS_TEST_ONCE ? OS_TEST_NONE : mode; /* the bytes are given once: no second try */
  STEP(nf_engine_open_memory(model_copy, model_len, &desc, &engine, &error));
  complete = true;
end:
  if (!complete) assert_null(engine);
  complete = true; /* nothing is to be compared */
  nf_engine_close(engine);
}

static void model_in_memory_opens_or_says_why(void **state) {
  (void)state;
  sweep(memory_model_run);
}

/* The same in chunks. A load that failed takes nothing but its close. */
static bool load_once(nf_engine **engine) {
  nf_load *load = nullptr;
  const nf_engine_desc desc = {.n_threads = 2, .ctx_tokens_max = 1024};
  bool ok = TRY(nf_load_begin(model_len, &desc, &load, &error));
  for (isize at = 0; ok && at < model_len; at += 5000) {
    isize n = model_len - at < 5000 ? model_len - at : 5000;
    ok = TRY(nf_load_bytes(load, (nf_bytes){model_bytes + at, n}, &error));
  }
  ok = ok && TRY(nf_load_finish(load, engine, &error));
  nf_load_close(load);
  return ok;
}

/* The first session's memory is taken as soon as the directory is there; where there is none for
 * the context that nobody asked for, half of it is taken. */
static void a_session_without_room_has_half_the_context(void **state) {
  (void)state;
  const nf_engine_desc desc = {.n_threads = 2};
  int halved = 0;
  for (int nth = 1; nth <= 9; nth++) {
    nf_load *load = nullptr;
    nf_engine *engine = nullptr;
    os_test_script(OS_TEST_ONCE, nth);
    bool ok = nf_load_begin(model_len, &desc, &load, &error) == NF_OK &&
              nf_load_bytes(load, (nf_bytes){model_bytes, model_len}, &error) == NF_OK &&
              nf_load_finish(load, &engine, &error) == NF_OK;
    os_test_script(OS_TEST_NONE, 0);
    nf_load_close(load);
    if (!ok) continue;
    nf_engine_info info;
    nf_engine_info_get(engine, &info);
    assert_true(info.ctx_tokens_max == 1024 || info.ctx_tokens_max == 512);
    halved += info.ctx_tokens_max == 512;
    nf_session *sessions[2] = {};
    for (int i = 0; i < 2; i++) {
      assert_int_equal(nf_session_open(engine, &sessions[i], &error), NF_OK);
    }
    for (int i = 0; i < 2; i++) nf_session_close(sessions[i]);
    nf_engine_close(engine);
  }
  assert_int_equal(halved, 1);
}

static void load_run(void) {
  nf_engine *engine = nullptr;
  bool ok = load_once(&engine);
  if (!ok) assert_null(engine);
  if (!ok && mode == OS_TEST_ONCE) ok = load_once(&engine); /* begun anew, it works */
  if (!ok) return;
  nf_engine_info info;
  nf_engine_info_get(engine, &info);
  note(str(info.quantization));
  note_number(info.n_params);
  complete = true;
  nf_engine_close(engine);
}

static void model_in_chunks_loads_or_says_why(void **state) {
  (void)state;
  sweep(load_run);
}

/* The model quantized, over an older file: the old one or the new one is there. */
static bool quantize_once(const char *path) {
  nf_quantize *quantize = nullptr;
  const nf_quantize_desc desc = {.type = NF_WEIGHT_Q4_0};
  bool ok = TRY(nf_quantize_begin(in_folder("model.gguf"), path, &desc, &quantize, &error));
  for (nf_status status = NF_PENDING; ok && status == NF_PENDING;) {
    ok = TRY(status = nf_quantize_step(quantize, &error));
  }
  nf_quantize_close(quantize);
  return ok;
}

static void quantize_run(void) {
  const char *path = in_folder("old.srt");
  file_write(path, str(old_text));
  bool ok = quantize_once(path);
  if (!ok && mode == OS_TEST_ONCE) ok = quantize_once(path);
  static u8 bytes[1 << 18];
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  isize len = (isize)fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  bool is_old = len == (isize)sizeof old_text - 1;
  if (ok) assert_false(is_old);
  if (is_old) assert_memory_equal(bytes, old_text, len);
  if (!is_old) note((nf_bytes){bytes, len}); /* also when only the folder's sync failed */
  complete = ok;
}

static void a_model_is_quantized_or_not_at_all(void **state) {
  (void)state;
  sweep(quantize_run);
}

/* ---- captions ---- */
static void cues_note(const nf_caption *doc) {
  for (int i = 0; i < nf_caption_cue_count(doc); i++) {
    nf_cue cue;
    nf_caption_cue_get(doc, i, &cue);
    note_number(cue.start_ms);
    note_number(cue.end_ms);
    note(cue.label);
    note(cue.settings);
    note(cue.text);
  }
}

static void warnings_note(const nf_caption *doc) {
  for (int i = 0; i < nf_caption_warning_count(doc); i++) {
    nf_caption_warning warning;
    nf_caption_warning_get(doc, i, &warning);
    note_number(warning.line);
    note(str(warning.what));
  }
}

static char long_text[9000];

static void caption_run(void) {
  nf_caption *doc = nullptr;
  nf_bytes file;
  STEP(nf_caption_open(captions, &doc, &error));
  cues_note(doc);
  int n = nf_caption_cue_count(doc);
  STEP(nf_caption_text_set(doc, n - 1, str("Omega \u03A9, which Windows-1252 lacks"), &error));
  STEP(nf_caption_text_set(doc, 0, str(long_text), &error));
  STEP(nf_caption_times_set(doc, 0, 100, 900, &error));
  for (int i = 0; i < 60; i++) {
    STEP(nf_caption_cue_insert(doc, i, 1000 * i, 1000 * i + 500, str("added\nhere"), &error));
  }
  STEP(nf_caption_cue_remove(doc, n / 2, &error));
  cues_note(doc);
  nf_caption_format own = nf_caption_format_get(doc);
  STEP(nf_caption_write(doc, own, &file, &error));
  note(file);
  warnings_note(doc);
  STEP(nf_caption_write(doc, own == NF_SRT ? NF_VTT : NF_SRT, &file, &error));
  note(file);
  warnings_note(doc);
  nf_lint_profile profile;
  assert_int_equal(nf_lint_profile_get(str("netflix"), &profile), NF_OK);
  note_number(nf_lint(doc, &profile, nullptr, 0));
  complete = true;
end:
  nf_caption_close(doc);
}

static void captions_work_or_say_why(void **state) {
  (void)state;
  memset(long_text, 'x', sizeof long_text - 1);
  sweep(caption_run);
  static const char *const names[] = {"cp1252.srt",     "utf16le.srt",  "blocks.vtt",
                                      "damaged.vtt",    "plain_cr.vtt", "bom.vtt",
                                      "utf8_broken.srt"};
  static u8 bytes[1 << 16];
  for (int i = 0; i < 7; i++) {
    char path[512];
    snprintf(path, sizeof path, NF_SOURCE_DIR "/tests/data/captions/%s", names[i]);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    captions = (nf_bytes){bytes, (ptrdiff_t)fread(bytes, 1, sizeof bytes, in)};
    fclose(in);
    print_message("%s: ", names[i]);
    sweep(caption_run);
  }
}

/* ---- files ---- */
/* The file is the old one or the new one, with the old one's mode; nothing else is there. */
static bool replaced(const char *path, nf_bytes content, bool was_there) {
  bool done = TRY(nf_file_replace(path, content, &error));
  struct stat info;
  bool exists = fstatat(AT_FDCWD, path, &info, 0) == 0;
  if (exists && was_there) assert_int_equal(info.st_mode & 07777, 0640);
  bool is_old = was_there && info.st_size == (isize)sizeof old_text - 1;
  if (done) assert_true(exists && !is_old);
  if (was_there) assert_true(exists);
  if (exists) file_is(path, is_old ? str(old_text) : content);
  no_leftovers();
  return done;
}

static void file_run(void) {
  nf_bytes in = {}, file;
  nf_caption *doc = nullptr;
  const char *old_path = in_folder("old.srt"), *new_path = in_folder("new.srt");
  unlink(new_path);
  file_write(old_path, str(old_text));
  assert_int_equal(chmod(old_path, 0640), 0);
  STEP(nf_file_read(in_folder("many.srt"), 1 << 20, &in, &error));
  note(in);
  STEP(nf_caption_open(in, &doc, &error));
  STEP(nf_caption_text_set(doc, 7, str("Changed."), &error));
  STEP(nf_caption_write(doc, NF_SRT, &file, &error));
  bool again = mode == OS_TEST_ONCE;
  if (!replaced(old_path, file, true) && !(again && replaced(old_path, file, true))) goto end;
  if (!replaced(new_path, file, false) && !(again && replaced(new_path, file, false))) goto end;
  complete = true;
end:
  nf_caption_close(doc);
  nf_file_free(in);
}

static void files_are_old_or_new(void **state) {
  (void)state;
  sweep(file_run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(model_works_or_says_why),
      cmocka_unit_test(adapter_works_or_says_why),
      cmocka_unit_test(model_in_memory_opens_or_says_why),
      cmocka_unit_test(model_in_chunks_loads_or_says_why),
      cmocka_unit_test(a_session_without_room_has_half_the_context),
      cmocka_unit_test(a_model_is_quantized_or_not_at_all),
      cmocka_unit_test(captions_work_or_say_why),
      cmocka_unit_test(files_are_old_or_new),
  };
  return cmocka_run_group_tests(tests, faults_setup, faults_teardown);
}
