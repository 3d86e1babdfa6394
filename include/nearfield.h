/* nearfield: the whole public C API.
 *
 * Owns:      engine (a model in memory), session (one edit or generation at a time
 *            over an engine), where an edit runs, caption documents, lint, version.
 * Does NOT:  open sockets, download, print, exit, call back into the host from a
 *            random thread, or keep anything outside the objects it hands out.
 *            It does not transcribe or render; that is the server's work.
 * Threads:   an engine may be shared; a session belongs to one thread at a time.
 * Read next: docs/architecture.md, then src/api/.
 *
 * Text is UTF-8. Offsets are bytes unless a name says otherwise. Times are
 * milliseconds. A descriptor that is all zeros asks for the defaults. Results are
 * written only on NF_OK. `error` may be null. To stop a piece of work, call its step
 * no more: a step is one pass of the model, a few to some tens of milliseconds. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Outcome of every call that can fail. Negative: failed for good. Zero: done.
 * Positive: not done, nothing wrong - call again as the name says. */
typedef enum : int32_t {
  NF_LOST = -6,        /* the GPU device was lost; open the engine again */
  NF_IO = -5,          /* the machine failed: disk full, not writable, unreadable */
  NF_CANCELLED = -4,   /* the caller asked to stop */
  NF_BAD_INPUT = -3,   /* the bytes are not what they claim to be */
  NF_UNSUPPORTED = -2, /* valid, but not something this build runs */
  NF_NO_MEMORY = -1,
  NF_OK = 0,
  NF_NEED_BYTES = 1, /* give a longer prefix of the same file */
  NF_PENDING = 2,    /* not finished; call the step function again */
} nf_status;

/* Borrowed bytes. `at` may be null when len is 0. Never owned by the holder. */
typedef struct {
  const uint8_t *at;
  ptrdiff_t len;
} nf_bytes;

/* One line for a person: what is wrong, where, what was expected. Empty after a call that did
 * not fail; always NUL-terminated, never contains a line break. */
typedef struct {
  char line[256];
} nf_error;

/* ---- version ---------------------------------------------------------------- */

const char *nf_version(void); /* "0.1.0"; static storage */

/* ---- engine: a model in memory --------------------------------------------- */

typedef struct nf_engine nf_engine;

typedef struct {
  int32_t n_threads;       /* 0: as many as there are CPUs for this process, at most 8 */
  int32_t ctx_tokens_max; /* context of each session; 0: 1024, or the model's if less; nf_load_* on
                             the CPU: 512 where there is no memory for 1024 */
  const char *kernels; /* "scalar", "avx2", "avx512vnni", ...; null: the best of the CPU; "webgpu":
                          the GPU, through nf_load_* only and where the host gives a device (wasm);
                          or what nf_engine_info.kernels said before on the same device */
} nf_engine_desc;

typedef struct {
  char name[64]; /* general.name of the file, "" when absent */
  char architecture[32];
  char quantization[16]; /* type most of the weight bytes have, e.g. "Q4_1" */
  char kernels[48]; /* kernel table in use, e.g. "avx512vnni"; "webgpu", with what was the faster
                       there: "webgpu:products=2,attention=1" as a wish needs no measuring */
  char replaced[96]; /* "webgpu": tuned kernels that this device computed wrongly or would not
                        compile; plain ones serve in their place. "": none */
  int64_t file_bytes;
  int64_t n_params;
  int32_t n_vocab;
  int32_t ctx_tokens_train; /* context the model was trained for */
  int32_t ctx_tokens_max; /* context of a session here */
  int32_t n_threads;
  int64_t kv_bytes; /* of one session's KV cache */
} nf_engine_info;

/* Open the model at `path`, read into memory (the file is never changed).
 * errors NF_IO           cannot be read
 *        NF_BAD_INPUT    not a GGUF file, or damaged
 *        NF_UNSUPPORTED  architecture, tokenizer, template or type this build lacks
 *        NF_NO_MEMORY    the file's bytes and the tables beside them do not fit */
[[nodiscard]] nf_status nf_engine_open_file(const char *path, const nf_engine_desc *desc,
                                            nf_engine **engine, nf_error *error);

/* The same over `file_bytes` bytes the caller already holds. They are repacked in place,
 * stay borrowed until nf_engine_close and must be 64-byte aligned and writable. */
[[nodiscard]] nf_status nf_engine_open_memory(uint8_t *file, int64_t file_bytes,
                                              const nf_engine_desc *desc, nf_engine **engine,
                                              nf_error *error);
/* The same over a file that arrives in chunks, a download for instance: nothing but the engine's
 * own memory ever holds it (on the GPU only the device's: here stays the directory), and a model
 * this build does not run is refused as soon as the file's first bytes (its directory, about 2 MB)
 * are there; on the CPU also one whose session would have no memory: the first session's is taken
 * then.
 *
 *   nf_load_begin -> nf_load_bytes, chunk after chunk, until NF_OK -> nf_load_finish
 *   -> nf_load_close
 *
 * After an error the load only takes nf_load_close. */
typedef struct nf_load nf_load;
/* file_bytes: length of the whole file. The strings of desc must live until nf_load_close.
 * errors NF_BAD_INPUT file_bytes < 1; NF_NO_MEMORY; NF_UNSUPPORTED "webgpu" where no device is */
[[nodiscard]] nf_status nf_load_begin(int64_t file_bytes, const nf_engine_desc *desc,
                                      nf_load **load, nf_error *error);
/* The file's next bytes, borrowed during the call. NF_NEED_BYTES: give the next ones; NF_OK: the
 * file is whole; NF_PENDING: the GPU has no room for all of them yet: give the same bytes again,
 * from any place, when the device has got on. errors as nf_engine_open_file but NF_IO;
 * NF_BAD_INPUT more than file_bytes; NF_UNSUPPORTED the GPU cannot run this model, the line says
 * why (the CPU may); NF_LOST the GPU is gone */
[[nodiscard]] nf_status nf_load_bytes(nf_load *load, nf_bytes chunk, nf_error *error);
/* Where the file's next n bytes will stay: a chunk that the caller has put there, and only there,
 * is not copied by the nf_load_bytes that follows. null: nowhere (on the GPU, or fewer are left),
 * give them from any place. Until that call it changes nothing. */
[[nodiscard]] uint8_t *nf_load_place(const nf_load *load, int64_t n);
/* Open the engine over what was loaded; call again after NF_PENDING (the GPU's kernels are being
 * compiled and tried). errors NF_BAD_INPUT bytes are missing; as nf_load_bytes */
[[nodiscard]] nf_status nf_load_finish(nf_load *load, nf_engine **engine, nf_error *error);
void nf_load_close(nf_load *load); /* null is fine; an engine handed out stays open */

/* null is fine. Its sessions are closed before. */
void nf_engine_close(nf_engine *engine);
void nf_engine_info_get(const nf_engine *engine, nf_engine_info *info);

/* ---- adapter: what tunes an engine's model, chosen per request --------------------- */

/* A LoRA beside the model, never merged into it: one model serves many tasks, and requests may
 * switch between adapters without reloading. The file is llama.cpp's adapter GGUF (made by
 * nf_adapter_convert, or by its convert_lora_to_gguf.py). Three keys of it are ours, all
 * optional: nearfield.task, the one task it was trained for; nearfield.system, the system message
 * that edits then have instead of the task's instruction and examples; nearfield.gate, how much
 * likelier than the unchanged caption an edit must be, in nats, instead of the task's own. */
typedef struct nf_adapter nf_adapter;

typedef struct {
  char name[64]; /* general.name of the file, "" when absent */
  const char *task; /* static: "fix", ...; "": any */
  char sha256[65]; /* of the file, in hex */
  int64_t file_bytes;
  int32_t rank; /* of its largest matrices */
} nf_adapter_info;

/* errors NF_IO           cannot be read
 *        NF_BAD_INPUT    no adapter, damaged, or made for another model
 *        NF_UNSUPPORTED  not a plain LoRA of the layers' matrices; a task this build lacks
 *        NF_NO_MEMORY */
[[nodiscard]] nf_status nf_adapter_open_file(const nf_engine *engine, const char *path,
                                             nf_adapter **adapter, nf_error *error);
/* The same over bytes, borrowed during the call only. */
[[nodiscard]] nf_status nf_adapter_open_memory(const nf_engine *engine, nf_bytes file,
                                               nf_adapter **adapter, nf_error *error);
/* Before its engine; not while a work that was begun with it runs. null is fine. */
void nf_adapter_close(nf_adapter *adapter);
void nf_adapter_info_get(const nf_adapter *adapter, nf_adapter_info *info);

enum { NF_GATE_KINDS = 7 }; /* of changes; nf_gate_kind_name */
typedef enum : int32_t { NF_ADAPTER_F16 = 0, NF_ADAPTER_Q8_0 = 1 } nf_adapter_type;
typedef struct {
  nf_bytes config; /* PEFT's adapter_config.json, for lora_alpha; empty: none */
  float alpha; /* over 0: instead of what config or file say */
  nf_adapter_type type; /* Q8_0: of the A matrices, whose rows are long; the Bs stay F16 */
  nf_bytes name, task, system; /* over 0 long: instead of the file's; see nf_adapter */
  /* How many nats likelier than without it an edit must be. n_gates 0: as the file says; 1: the
   * whole answer, whatever it changes; NF_GATE_KINDS: by the kinds of its changes: marks and
   * capitals, the line's first capital or last mark, a small word, a word's form, words added,
   * words left out, other words. */
  float gates[NF_GATE_KINDS];
  int32_t n_gates;
} nf_adapter_convert_desc;
/* An adapter GGUF of a LoRA for this engine's model, from safetensors as PEFT writes them or from
 * another adapter GGUF. `out` goes back with nf_file_free.
 * errors NF_BAD_INPUT   neither format, damaged, made for another model, half a pair, no alpha, a
 *                       value out of F16's range, a task or system message out of range;
 *        NF_UNSUPPORTED what is no plain LoRA of the layers' matrices; NF_NO_MEMORY */
[[nodiscard]] nf_status nf_adapter_convert(const nf_engine *engine, nf_bytes file,
                                           const nf_adapter_convert_desc *desc, nf_bytes *out,
                                           nf_error *error);

/* ---- session: one piece of work at a time ----------------------------------- */

typedef struct nf_session nf_session;

/* Bytes a session on this engine will take (KV cache and scratch). */
int64_t nf_session_bytes(const nf_engine *engine);
[[nodiscard]] nf_status nf_session_open(nf_engine *engine, nf_session **session, nf_error *error);
void nf_session_close(nf_session *session); /* null is fine */
/* Forget the work that runs on it, if any: only a work in a batch has to be told. */
void nf_session_drop(nf_session *session);

/* What a finished piece of work cost. Counts are exact, not estimates. */
typedef struct {
  double queue_ms; /* 0 here: for callers that let requests wait */
  double first_token_ms, total_ms; /* from begin; first_token_ms 0: no token was given */
  int32_t input_tokens; /* prompt tokens, cached ones included */
  int32_t cached_tokens; /* of those, how many were in the KV cache already */
  int32_t output_tokens;
  int32_t passes; /* times the layers were run for this request */
  int32_t drafted; /* draft tokens offered for verification */
  int32_t accepted; /* of those, the ones that were the model's own choice; as drafted also of an
                       answer that was given up, in part or whole, so that a term stays */
  int32_t forced; /* tokens copied from the caption against the model's choice, so that a number, a
                     name or a protected term stays */
} nf_receipt;

/* How fast this engine is here: decode (one row a pass, after a 128-token prefix) and one
 * 32-row pass; medians of `repeats` runs each. Uses the session's timeline.
 * NF_PENDING, on a GPU only: it works; call again with the same arguments. */
typedef struct {
  double decode_tok_s, rows32_tok_s;
  double prefill_ms; /* the 128-token prefix, from nothing */
} nf_bench_result;
[[nodiscard]] nf_status nf_bench(nf_session *session, int32_t repeats, nf_bench_result *result,
                                 nf_error *error);

/* ---- generate ---------------------------------------------------------------- */

typedef struct {
  float temperature; /* 0: greedy */
  int32_t top_k; /* 0: off */
  float top_p; /* 0 or 1: off */
  float min_p; /* 0: off */
  float repeat_penalty; /* 0 or 1: off */
  float presence_penalty; /* 0: off */
  float frequency_penalty; /* 0: off */
  uint64_t seed;
} nf_sampling;

typedef enum : int32_t { NF_SYSTEM = 0, NF_USER = 1, NF_ASSISTANT = 2 } nf_role;
typedef struct {
  nf_role role;
  nf_bytes text;
} nf_message;

typedef struct {
  const nf_message *messages; /* borrowed during nf_generate_begin only */
  int32_t n_messages;
  nf_bytes raw_prompt; /* `at` not null: instead of messages, special tokens not parsed */
  int32_t output_tokens_max; /* 0: what the context leaves */
  nf_sampling sampling;
  const nf_bytes *stops; /* at most 8, none empty, 1024 bytes together; borrowed during begin */
  int32_t n_stops;
  const nf_adapter *adapter; /* as in nf_edit_desc */
} nf_generate_desc;

/* How many tokens the prompt of desc is, more than the context holds too: nf_generate_begin takes
 * as many as leave one of the context free. Whatever runs on the session runs on. errors as
 * nf_generate_begin's of the prompt; NF_BAD_INPUT also over 16 bytes a token of the context */
[[nodiscard]] nf_status nf_generate_tokens(nf_session *session, const nf_generate_desc *desc,
                                           int32_t *n_tokens, nf_error *error);
/* Start a generation. errors NF_BAD_INPUT the prompt is empty, not UTF-8 or does not fit the
 * context, stops or sampling are out of range, the adapter is of another engine; NF_UNSUPPORTED the
 * model's template takes no such messages. A work still running on this session is dropped. */
[[nodiscard]] nf_status nf_generate_begin(nf_session *session, const nf_generate_desc *desc,
                                          nf_error *error);
/* One pass of the model, or a part of one. NF_PENDING: more to come; NF_OK: finished. errors
 * NF_LOST the GPU is gone, NF_NO_MEMORY it has no room: close the engine. `piece` is the text that
 * became certain in this step (whole UTF-8 characters, often none); borrowed until the next one. */
[[nodiscard]] nf_status nf_generate_step(nf_session *session, nf_bytes *piece, nf_error *error);

/* How a generation ended. */
typedef enum : int32_t {
  NF_END_NONE = 0, /* it has not */
  NF_END_MODEL = 1, /* the model ended its answer */
  NF_END_STOP = 2, /* a stop string, which is not part of the text */
  NF_END_LENGTH = 3, /* output_tokens_max, or the context is full */
} nf_generate_end;
nf_generate_end nf_generate_end_get(const nf_session *session);
/* What the generation begun last has cost so far; complete after NF_OK. */
void nf_generate_receipt(const nf_session *session, nf_receipt *receipt);

typedef enum : int32_t { NF_SRT = 0, NF_VTT = 1 } nf_caption_format;

/* ---- edit: one caption ------------------------------------------------------- */

typedef enum : int32_t {
  NF_TASK_FIX = 0,
  NF_TASK_SHORTEN = 1,
  NF_TASK_FORMAL = 2,
  NF_TASK_CASUAL = 3,
  NF_TASK_SIMPLE = 4,
  NF_TASK_REWRITE = 5,
} nf_task;

typedef struct {
  nf_task task;
  nf_bytes text; /* cue text as the file holds it, tags and line breaks included; <= 4096 bytes */
  nf_caption_format format; /* whose markup the text has, for counting what a viewer sees */
  nf_bytes before, after; /* text of the neighbouring cues. NOT USED YET: the tasks of this build
                             see one cue; give them, and a later build may do better */
  int32_t max_chars; /* of the visible text, in grapheme clusters; 0: no limit */
  int32_t max_lines; /* 0: no limit */
  float max_cps; /* characters a second over duration_ms; 0: no limit */
  int32_t duration_ms; /* 0 or less: not known, max_cps does not apply */
  const nf_bytes *protect; /* terms that must survive as they are; <= 256, 4096 bytes together */
  int32_t n_protect;
  uint64_t seed; /* of the variants after the first */
  int32_t n_variants; /* distinct answers wanted, 0 is 1, at most NF_VARIANTS_MAX; all of them are
                         held to the same constraints, so there may be fewer */
  bool even_if_poor; /* ask the model itself, also for a task that is not offered (nf_task_info) or
                        that goes by rules: to measure it, or because a better one is at work */
  bool trace; /* keep what nf_edit_trace tells */
  const nf_adapter *adapter; /* of the session's engine; stays open until the edit is done or
                                dropped; null: the model alone */
} nf_edit_desc;
enum { NF_VARIANTS_MAX = 5 };

typedef enum : int32_t {
  NF_UNCHANGED = 0,
  NF_CHANGED = 1,
  NF_UNFIT = 2, /* no answer satisfied the constraints; text is the original */
} nf_verdict;

/* input[start, end) is replaced by `replacement`. Ascending, not overlapping. */
typedef struct {
  int32_t start, end; /* UTF-8 byte offsets into the input text */
  int32_t start16, end16; /* the same in UTF-16 units */
  nf_bytes replacement;
} nf_change;

typedef struct {
  nf_bytes text; /* cue text with tags and line breaks back in place */
  nf_verdict verdict;
  const char *why; /* static, for a person: "ok", "already right", "a number was lost", ... */
  const nf_change *changes;
  int32_t n_changes;
  int32_t n_variants; /* distinct texts other than the input: 0 unless the verdict is NF_CHANGED,
                         then at least 1; see nf_edit_variant_get */
  nf_receipt receipt; /* of all variants together */
  /* Of the first answer, where the model gave one that differs: log P(answer) - log P(caption),
   * what it had to be over, and the kinds of its changes, bit k for kind k. 0 else. */
  double gain_nats;
  float gate_nats;
  uint32_t gate_kinds;
} nf_edit_result;

/* One way the caption could be. */
typedef struct {
  nf_bytes text;
  const char *why;
  const nf_change *changes;
  int32_t n_changes;
} nf_variant;

/* Everything in desc but the adapter is borrowed during this call only. errors NF_BAD_INPUT not
 * UTF-8, longer than 4096 bytes or the context allows, over 256 tags and breaks, a limit negative
 * or NaN, over NF_VARIANTS_MAX variants, an adapter of another engine or task; NF_UNSUPPORTED the
 * task is not offered: the line says why. A work still running on this session is dropped. */
[[nodiscard]] nf_status nf_edit_begin(nf_session *session, const nf_edit_desc *desc,
                                      nf_error *error);
/* One pass of the model, or a part of one; NF_PENDING until NF_OK, when the result can be read.
 * errors as nf_generate_step */
[[nodiscard]] nf_status nf_edit_step(nf_session *session, nf_error *error);
/* Valid after NF_OK, borrowed until the next begin on this session. */
void nf_edit_result_get(const nf_session *session, nf_edit_result *result);
/* 0 <= i < n_variants of the result. The first is the result itself: what the model holds
 * likeliest (greedy decoding), unless that did not stand; the others are sampled. Same life. */
void nf_edit_variant_get(const nf_session *session, int32_t i, nf_variant *variant);
/* The passes of the last edit for a person, one line each: what was offered, what was accepted,
 * what the model gave. Empty unless asked for in the descriptor; cut at 16 KB. Same life. */
nf_bytes nf_edit_trace(const nf_session *session);

/* ---- remote: an edit that a model elsewhere answers ---------------------------- */

/* What that model is to be asked, and what of its answers stands: the caption's words go out
 * without tags and breaks, an answer is cleaned (blanks, one label, one pair of quotes around it),
 * held to the constraints of nf_edit_begin's answers (but for the gate, which needs likelihoods),
 * and gets tags and breaks back. Needs no engine; sends nothing. One block of some 1.4 MB, used for
 * one edit after the other: begin and messages before, begin and take and finish with the answers.
 *
 *   nf_remote_begin; unless nf_remote_settled: nf_remote_messages -> a model -> nf_remote_take for
 *   each of its answers; nf_remote_finish */
typedef struct nf_remote nf_remote;
enum { NF_REMOTE_MESSAGES_MAX = 8 };
[[nodiscard]] nf_status nf_remote_open(nf_remote **remote, nf_error *error); /* NF_NO_MEMORY */
void nf_remote_close(nf_remote *remote); /* null is fine */
/* Everything in desc is borrowed during this call only; adapter, seed, trace and even_if_poor do
 * not matter, before and after are shown to the model. Every task is offered. errors NF_BAD_INPUT
 * as nf_edit_begin, or a context text over 4096 bytes */
[[nodiscard]] nf_status nf_remote_begin(nf_remote *remote, const nf_edit_desc *desc,
                                        nf_error *error);
/* No model is needed: nf_remote_finish has the result (no words, fits already, broken anew). */
bool nf_remote_settled(const nf_remote *remote);
/* Not when settled. Returns how many; texts are borrowed until the next begin. */
int32_t nf_remote_messages(const nf_remote *remote, nf_message messages[NF_REMOTE_MESSAGES_MAX]);
/* One answer, any bytes; over 8192 do not stand. whole: the model ended it, it was not cut. Not
 * when settled, nor after nf_remote_finish. */
void nf_remote_take(nf_remote *remote, nf_bytes answer, bool whole);
/* The result, borrowed until the next begin; its receipt is zero. true: an answer stood, or was the
 * caption itself where that keeps to the limits. false: none did: the input, `why` says what was
 * wrong with the first one. */
bool nf_remote_finish(nf_remote *remote, nf_edit_result *result);
void nf_remote_variant_get(const nf_remote *remote, int32_t i, nf_variant *variant);

/* ---- batch: sessions of one engine whose passes run as one -------------------- */

/* Reading the weights is most of what a pass of few rows costs, so several requests in one pass
 * cost little more than one. The steps of a session that has joined compute nothing: they hand
 * their next pass in and give NF_PENDING until nf_batch_run has done it. Results are, bit for bit,
 * those of the session alone.
 *
 *   nf_batch_join each session; then, over and over: of every session with a work that runs, steps
 *   until nf_session_waits; nf_batch_run
 *
 * Fair: a pass holds the work that waits longest, then the others in order as far as there is room
 * (64 rows, 16 timelines; one adapter). A batch and its sessions belong to one thread at a time. */
typedef struct nf_batch nf_batch;
enum { NF_BATCH_SESSIONS_MAX = 64 };
int64_t nf_batch_bytes(const nf_engine *engine); /* what nf_batch_open takes */
/* errors NF_NO_MEMORY; NF_UNSUPPORTED on a GPU */
[[nodiscard]] nf_status nf_batch_open(nf_engine *engine, nf_batch **batch, nf_error *error);
void nf_batch_close(nf_batch *batch); /* after its sessions; null is fine */
/* For good; drops a work that runs. errors NF_BAD_INPUT the session is of another engine or in a
 * batch already; there are NF_BATCH_SESSIONS_MAX */
[[nodiscard]] nf_status nf_batch_join(nf_batch *batch, nf_session *session, nf_error *error);
/* Its next pass is handed in and not done: a step would change nothing. */
bool nf_session_waits(const nf_session *session);
/* One piece of one pass, a few to some tens of milliseconds. NF_PENDING: more is waiting; NF_OK:
 * nothing is. n_works: whose pass was done by this call. */
[[nodiscard]] nf_status nf_batch_run(nf_batch *batch, int32_t *n_works);

/* ---- prefix: what the edits of a task begin with, kept beyond the session ---- */

/* Under one adapter the prompts of a task begin with the same tokens. Their keys and values are
 * computed by the first edit and stay with the session (nf_receipt.cached_tokens); as a file they
 * outlive it. Edits after a load have the results, bit for bit, that they have without. On the CPU
 * only: a GPU has computed them sooner than they are read.
 *
 * desc: of the edits meant; its task, adapter and even_if_poor are looked at. model: what tells the
 * model's file and this build from every other, their SHA-256 for instance; 1 to 4096 bytes. All
 * three drop a work still running on this session; errors of all: as nf_edit_begin's. */
typedef struct {
  char key[65]; /* in hex: of model, kernels, adapter and tokens; with another key it is another
                   prefix */
  int64_t file_bytes; /* 0: nothing to keep: a GPU's, or the prompts share nothing */
  bool ready; /* the session has it */
} nf_prefix_info;
[[nodiscard]] nf_status nf_prefix_info_get(nf_session *session, const nf_edit_desc *desc,
                                           nf_bytes model, nf_prefix_info *info, nf_error *error);
/* Writes the file to file[file_bytes <= cap). errors NF_BAD_INPUT it is not ready; cap is less */
[[nodiscard]] nf_status nf_prefix_save(nf_session *session, const nf_edit_desc *desc,
                                       nf_bytes model, uint8_t *file, int64_t cap, nf_error *error);
/* The session has it from now on; where it had it already, the file is not looked at. errors
 * NF_BAD_INPUT no such file, or damaged; NF_UNSUPPORTED of another version or another key. Then the
 * session is as it was */
[[nodiscard]] nf_status nf_prefix_load(nf_session *session, const nf_edit_desc *desc,
                                       nf_bytes model, nf_bytes file, nf_error *error);

/* Name <-> task: "fix", "shorten", "formal", "casual", "simple", "rewrite". */
const char *nf_task_name(nf_task task); /* null: unknown */
const char *nf_gate_kind_name(int32_t kind); /* 0 <= kind < NF_GATE_KINDS, "form" */
[[nodiscard]] nf_status nf_task_from_name(nf_bytes name, nf_task *task); /* NF_BAD_INPUT */
typedef struct {
  const char *name;
  bool offered; /* on the device: better there than doing nothing, by the task's own measure */
  const char *why; /* when not: what was measured, one line for a person; "" when offered */
} nf_task_info;
[[nodiscard]] nf_status nf_task_info_get(nf_task task, nf_task_info *info); /* NF_BAD_INPUT */

/* ---- route: where an edit runs -------------------------------------------------- */

/* Device or server, decided from facts alone: no clock, no memory, no network. Times are
 * milliseconds from now. Every fact may be anything: NaN, negative and zero are "not known" unless
 * a line says otherwise, what is too large is cut (an hour, 2^20 tokens), an enum out of range is
 * the strictest of its values. All zeros: nowhere. The rule in words: docs/router.md. */

typedef enum : int32_t { NF_NOWHERE = 0, NF_ON_DEVICE = 1, NF_IN_CLOUD = 2 } nf_place;

/* out of range: NF_ONLY_ON_DEVICE */
typedef enum : int32_t {
  NF_PREFER_ON_DEVICE = 0,
  NF_ONLY_ON_DEVICE = 1, /* the server is never in the plan */
  NF_ONLY_IN_CLOUD = 2,
  NF_PREFER_IN_CLOUD = 3,
} nf_route_mode;

/* out of range: NF_DEVICE_ABSENT */
typedef enum : int32_t {
  NF_DEVICE_ABSENT = 0, /* no model, or none that runs here */
  NF_DEVICE_LOADING = 1, /* it will be ready: an edit may wait for it */
  NF_DEVICE_READY = 2,
  NF_DEVICE_BUSY = 3, /* ready, with work before this edit */
  NF_DEVICE_LOST = 4,
} nf_device_state;

typedef enum : int32_t { NF_WASM = 0, NF_WEBGPU = 1, NF_NATIVE = 2 } nf_backend;

/* A circuit breaker: after so many failures in a row a place is left alone for a while, then one
 * request tries it. Plain data; the caller has the clock.
 *
 *   CLOSED -> failures_max failures in a row -> OPEN -> pause_ms -> HALF_OPEN, one try
 *      ^---------------- it succeeded ------------------'   failed: OPEN, twice as long
 *
 * source Nygard, "Release It!", 2nd ed., "Circuit Breaker" */
enum { NF_BREAKER_DOUBLINGS = 5 /* so at most 32 x pause_ms */ };
/* out of range: NF_BREAKER_OPEN */
typedef enum : int32_t {
  NF_BREAKER_CLOSED = 0,
  NF_BREAKER_HALF_OPEN = 1,
  NF_BREAKER_OPEN = 2,
} nf_breaker_state;
typedef enum : int32_t {
  NF_TRY_OK = 0,
  NF_TRY_FAILED = 1,
  NF_TRY_NEUTRAL = 2, /* says nothing about the place: cancelled, the request was at fault */
} nf_try_outcome;
typedef struct {
  int32_t failures_max; /* >= 1 */
  int64_t pause_ms;
  /* the inside, zero at first; counts may be read */
  nf_breaker_state state;
  bool trying; /* HALF_OPEN: its one try runs */
  int32_t n_row; /* failures in a row */
  int32_t n_doubled;
  int64_t until_ms; /* OPEN */
  int64_t era; /* of the state: outcomes of tries begun before it count no more */
  int64_t n_failures; /* ever */
  int64_t n_opened;
} nf_breaker;
/* May a try begin now? true: nf_breaker_give follows, with *era. false: *wait_ms says how long not.
 * now_ms: of any clock that does not go back, the same for all calls. */
bool nf_breaker_take(nf_breaker *breaker, int64_t now_ms, int64_t *era, int64_t *wait_ms);
void nf_breaker_give(nf_breaker *breaker, int64_t era, nf_try_outcome outcome, int64_t now_ms);
/* What nf_breaker_take would meet now; OPEN also while the one try runs. */
nf_breaker_state nf_breaker_state_at(const nf_breaker *breaker, int64_t now_ms);

/* How long something takes, from what it took: mean and 95th percentile of a stream of values that
 * may change its ways. Fixed size, plain data, all zeros is empty. Values are milliseconds, or
 * whatever lies between 1/16 and 65,536; others are cut to that.
 * source mean and deviation: RFC 6298, section 2 (gains 1/8 and 1/4); the sketch: Masson, Rim, Lee
 *        2019, arXiv:1908.10693 (buckets of equal ratio), each weight halved every 44 values */
enum { NF_LATENCY_BUCKETS = 160 /* 8 an octave: within 4.5 % */ };
typedef struct {
  int64_t n; /* values, ever */
  double mean, deviation;
  double doubt; /* 0..1, of all so far: the next value replaces that share of it */
  float weights[NF_LATENCY_BUCKETS];
} nf_latency;
void nf_latency_add(nf_latency *latency, double value); /* NaN, <= 0: nothing happens */
/* What was added is old: it counts only so much as yet, from 0 (forgotten, once a value comes) to
 * 1. A place that was left alone for long and has recovered is then known by its first answers. */
void nf_latency_fade(nf_latency *latency, double kept);
/* The value below which a share of them lies, 0 < share < 1; 0: there are none. */
double nf_latency_quantile(const nf_latency *latency, double share);
/* What 19 of 20 are expected to stay below: the 95th percentile of the sketch, which remembers for
 * long, or mean + 4 deviations, which forget soon, whichever is less. 0: fewer than 4 values. */
double nf_latency_late(const nf_latency *latency);

/* The device. What an edit takes there: queue + n_passes x pass_ms + tokens to read x token_ms. */
typedef struct {
  nf_device_state state;
  nf_backend backend; /* out of range: NF_WASM. For guesses, where nothing was measured */
  nf_breaker_state breaker;
  double loading_ms, progress; /* LOADING: since it began; how far, 0..1: tells the rest */
  double queue_ms; /* BUSY: of the work before this edit */
  double pass_ms, token_ms; /* measured: of a pass, of a prompt token read */
  double late; /* 95th percentile of what edits took over what was expected: 1.4 */
  double age_ms; /* since the last measurement; old ones that are worse than a guess fade to it */
  int32_t cached_tokens; /* of input_tokens, those that need no reading */
  int32_t ctx_tokens_max; /* an edit with more tokens than that does not run here */
  double memory_need_bytes, memory_room_bytes; /* of the edit; to be had. Room not known: enough */
} nf_route_device;

/* The server. What an edit takes there: first_token_ms + output_tokens x token_ms. */
typedef struct {
  bool reachable; /* there is one, and nothing says that it is away */
  nf_breaker_state breaker;
  double rtt_ms; /* of the network; the base of the guess where first_token_ms is not known */
  double first_token_ms, first_token_late_ms; /* from the request: mean and 95th percentile */
  double token_ms; /* of an output token behind the first */
  double age_ms; /* as the device's */
  double input_price_micro, output_price_micro; /* millionths of a currency a million tokens */
  bool has_budget;
  double budget_left_micro; /* with has_budget: an edit that costs more does not run there */
} nf_route_server;

typedef struct {
  bool offline;
  bool save_data, metered; /* no request is sent that is likely to be thrown away */
  bool discharging; /* on battery */
  double battery; /* 0..1; below 0.2 on battery the device is used sparingly */
} nf_route_user;

typedef struct {
  bool offered; /* on the device: nf_task_info.offered, or an adapter makes it so */
  int32_t input_tokens; /* of the prompt, shared beginnings included */
  int32_t output_tokens; /* expected, or the most the limits allow; over all variants */
  int32_t n_passes; /* of the model on the device; 0: one a token of the answer */
  double deadline_ms; /* an answer after it is worth nothing */
  double patience_ms; /* waiting that nobody minds: the preferred place goes first if it is that
                         quick, even where the other is quicker */
  double second_micro; /* what a second less of waiting may cost, millionths; 0: money does not
                          weigh, only the budget binds */
  nf_route_mode mode;
  nf_route_device device;
  nf_route_server server;
  nf_route_user user;
} nf_route_facts;

/* Why, as a receipt says it. nf_route_why_name, nf_route_why_text. */
typedef enum : int32_t {
  NF_WHY_NONE = 0,
  NF_WHY_DEVICE_PREFERRED = 1,
  NF_WHY_DEVICE_FASTER = 2,
  NF_WHY_DEVICE_CHEAPER = 3,
  NF_WHY_DEVICE_DEADLINE = 4, /* only there in time */
  NF_WHY_DEVICE_SOON = 5, /* waiting for the model to load is quicker */
  NF_WHY_SERVER_PREFERRED = 6,
  NF_WHY_SERVER_FASTER = 7,
  NF_WHY_SERVER_DEADLINE = 8,
  /* what keeps the server out */
  NF_WHY_ONLY_ON_DEVICE = 9,
  NF_WHY_OFFLINE = 10,
  NF_WHY_SERVER_AWAY = 11,
  NF_WHY_SERVER_FAILING = 12, /* breaker */
  NF_WHY_BUDGET = 13,
  /* what keeps the device out */
  NF_WHY_ONLY_IN_CLOUD = 14,
  NF_WHY_DEVICE_ABSENT = 15,
  NF_WHY_DEVICE_LOADING = 16,
  NF_WHY_DEVICE_LOST = 17,
  NF_WHY_DEVICE_FAILING = 18,
  NF_WHY_NOT_OFFERED = 19,
  NF_WHY_CONTEXT = 20,
  NF_WHY_MEMORY = 21,
  NF_WHY_NOWHERE = 22, /* both are out: see device_why and server_why */
} nf_route_why;
enum { NF_ROUTE_WHYS = 23 };

typedef struct {
  nf_place first; /* NF_NOWHERE: neither place can */
  nf_place second; /* where to go when the first fails; NF_NOWHERE: there is no other */
  nf_route_why why; /* of `first` */
  nf_route_why device_why, server_why; /* what keeps each out; NF_WHY_NONE: nothing does */
  double hedge_after_ms; /* no answer by then: start the second too, the first valid answer wins and
                            the loser is cancelled; below 0: never */
  double give_up_ms; /* no answer by then: the first has failed; below 0: never */
  double expected_ms, late_ms; /* of the plan: typical, and what 19 of 20 stay below */
  double cost_micro; /* of the edit at the server, whether it goes there or not */
  bool on_trial; /* `first` is asked to see whether it is well again: what it does now says more
                    than all before */
} nf_route_plan;

nf_route_plan nf_route(const nf_route_facts *facts);
/* "device_loading"; "the model is still loading on this device". Static; null: no such reason. */
const char *nf_route_why_name(nf_route_why why);
const char *nf_route_why_text(nf_route_why why);

/* ---- files: as a whole or not at all ------------------------------------------ */

/* Read a whole file of at most bytes_max bytes; "-" is standard input. Give it back with
 * nf_file_free. errors NF_IO; NF_BAD_INPUT larger; NF_NO_MEMORY; NF_UNSUPPORTED in wasm, where
 * files belong to the host */
[[nodiscard]] nf_status nf_file_read(const char *path, int64_t bytes_max, nf_bytes *file,
                                     nf_error *error);
void nf_file_free(nf_bytes file);
/* Replace `path` by `content`: a temporary file beside it, fsync, rename. On failure the old file
 * is as it was (replaced, when only the last step failed, the sync of the folder) and nothing is
 * left over. "-" is standard output. errors as nf_file_read */
[[nodiscard]] nf_status nf_file_replace(const char *path, nf_bytes content, nf_error *error);

/* ---- quantize: a model file with its matrices in another type ------------------ */

typedef struct nf_quantize nf_quantize;
typedef enum : int32_t {
  NF_WEIGHT_DEFAULT = 0,
  NF_WEIGHT_Q4_0 = 1,
  NF_WEIGHT_Q4_1 = 2,
  NF_WEIGHT_Q8_0 = 3
} nf_weight_type;
typedef struct {
  nf_weight_type type; /* of the matrices; default: Q8_0 */
  nf_weight_type head; /* of output.weight, or of token_embd.weight where that is the head as
                          well; default: Q8_0 */
  nf_weight_type embedding; /* of token_embd.weight where it is not; default: type */
} nf_quantize_desc;

/* Rewrite the GGUF at `in` to `out` (which may be the same path): its matrices *.weight in these
 * types, every other tensor and key as it is, but general.file_type and
 * general.quantization_version. A matrix of another quantized type is decoded first: what that
 * type lost stays lost. `out` is replaced as a whole, as nf_file_replace does, or not at all.
 *
 *   nf_quantize_begin -> nf_quantize_step until NF_OK -> nf_quantize_close
 *
 * Takes the file's directory twice and 2 MiB, whatever the model's size. The paths must live until
 * the close. After an error only the close is left to be called, which leaves no file behind.
 * errors NF_IO          cannot be read or written; the line names the path
 *        NF_BAD_INPUT   not a GGUF file, damaged or cut, without a matrix to quantize, a value out
 *                       of F16's range
 *        NF_UNSUPPORTED as nf_engine_open_file for the file's form, whatever its architecture; in
 *                       wasm, where files belong to the host
 *        NF_NO_MEMORY */
[[nodiscard]] nf_status nf_quantize_begin(const char *in, const char *out,
                                          const nf_quantize_desc *desc, nf_quantize **quantize,
                                          nf_error *error);
/* One part of a tensor, a few milliseconds. NF_PENDING: more to come; NF_OK: `out` is there. */
[[nodiscard]] nf_status nf_quantize_step(nf_quantize *quantize, nf_error *error);
void nf_quantize_close(nf_quantize *quantize); /* before NF_OK: as if never begun; null is fine */

/* ---- caption documents -------------------------------------------------------- */

typedef struct nf_caption nf_caption;

typedef struct {
  int64_t start_ms, end_ms;
  nf_bytes text; /* as the file holds it, tags included, lines separated by '\n' */
  nf_bytes settings; /* WebVTT cue settings, or what follows the SRT times; "" if none */
  nf_bytes label; /* SRT number or WebVTT identifier, as written */
  int32_t line; /* 1-based line of the file where the cue begins; 0 for an added cue */
} nf_cue;

/* Something odd in the file that was kept but that a person should know of. */
typedef struct {
  int32_t line; /* 1-based */
  const char *what; /* static */
} nf_caption_warning;

/* Read an SRT or WebVTT file (decided by content; UTF-8 with or without BOM, UTF-16 LE/BE,
 * Windows-1252). Writing it without a change gives the same bytes. The file is copied.
 * Damaged pieces are kept and listed as warnings; nothing is dropped.
 * errors NF_BAD_INPUT empty, binary, over 64 MiB, or no cue at all (a file that begins with
 *        WEBVTT may have none); the line begins with "line N: ". NF_NO_MEMORY */
[[nodiscard]] nf_status nf_caption_open(nf_bytes file, nf_caption **doc, nf_error *error);
void nf_caption_close(nf_caption *doc); /* null is fine */
nf_caption_format nf_caption_format_get(const nf_caption *doc);
int32_t nf_caption_cue_count(const nf_caption *doc);
/* Borrowed until the next change of the document. 0 <= i < count. */
void nf_caption_cue_get(const nf_caption *doc, int32_t i, nf_cue *cue);
int32_t nf_caption_warning_count(const nf_caption *doc);
void nf_caption_warning_get(const nf_caption *doc, int32_t i, nf_caption_warning *warning);

/* Changes. Only the changed part of the file is rewritten on save.
 * text: lines separated by '\n'. errors NF_BAD_INPUT the text would end the cue early (an
 * empty line; "-->" in WebVTT; a time line in SRT), has a NUL or is not UTF-8; times negative or
 * end < start. An SRT cue whose own text has empty lines may keep some. An inserted SRT cue gets
 * the number after the one before it; the others keep theirs. */
[[nodiscard]] nf_status nf_caption_text_set(nf_caption *doc, int32_t i, nf_bytes text,
                                            nf_error *error);
[[nodiscard]] nf_status nf_caption_times_set(nf_caption *doc, int32_t i, int64_t start_ms,
                                             int64_t end_ms, nf_error *error);
[[nodiscard]] nf_status nf_caption_cue_insert(nf_caption *doc, int32_t i, int64_t start_ms,
                                              int64_t end_ms, nf_bytes text, nf_error *error);
[[nodiscard]] nf_status nf_caption_cue_remove(nf_caption *doc, int32_t i, nf_error *error);

/* The document's bytes in `format` (its own encoding, BOM and line ends when the format is
 * its own; UTF-8 and "\n" otherwise). Borrowed until the next call on the document.
 * A text that Windows-1252 cannot hold turns the file into UTF-8 with BOM; that, and whatever the
 * other format lacks, is added to the document's warnings (until the next write). */
[[nodiscard]] nf_status nf_caption_write(nf_caption *doc, nf_caption_format format, nf_bytes *file,
                                         nf_error *error);

/* How captions are drawn over a picture; font must be set. */
typedef struct {
  const char *font; /* its family name */
  int32_t width, height; /* of the picture, pixels, 1..16384 */
  int32_t font_permille; /* a line's height in thousandths of the picture's; 0: 58 */
} nf_ass_desc;
/* The captions as an ASS script, UTF-8, for a renderer such as libass. Bold, italic, underline and
 * places (WebVTT's line and align, {\an8} in SRT) are written anew, every other tag is dropped and
 * the text is escaped: no file can make the renderer do more. Borrowed as of nf_caption_write.
 * errors NF_BAD_INPUT a cue of over 4,000 bytes, over 16 cues at once, or the picture's size */
[[nodiscard]] nf_status nf_caption_ass(nf_caption *doc, const nf_ass_desc *desc, nf_bytes *file,
                                       nf_error *error);

/* What a viewer sees: tags removed, entities decoded. Writes at most `cap` bytes, returns the
 * length. out may alias nothing. */
ptrdiff_t nf_caption_plain(nf_bytes text, nf_caption_format format, uint8_t *out, ptrdiff_t cap);

/* ---- lint --------------------------------------------------------------------- */

typedef enum : int32_t {
  NF_LINT_CPS = 0, /* value, limit: characters a second x 100 */
  NF_LINT_LINE_LENGTH, /* value, limit: grapheme clusters in the longest line */
  NF_LINT_LINE_COUNT, /* value, limit: lines */
  NF_LINT_DURATION_SHORT, /* value, limit: ms */
  NF_LINT_DURATION_LONG, /* value, limit: ms */
  NF_LINT_GAP, /* value, limit: ms to the next cue */
  NF_LINT_OVERLAP, /* value: ms shared with the next cue, limit 0 */
} nf_lint_rule;

typedef struct {
  int32_t cue; /* index of the cue */
  nf_lint_rule rule;
  int32_t value, limit;
} nf_lint_finding;

typedef struct {
  int32_t cps_max_x100, line_chars_max, lines_max;
  int32_t duration_ms_min, duration_ms_max, gap_ms_min;
} nf_lint_profile;

/* "netflix": Netflix Timed Text Style Guide, English, adult. NF_BAD_INPUT: unknown name. */
[[nodiscard]] nf_status nf_lint_profile_get(nf_bytes name, nf_lint_profile *profile);
const char *nf_lint_rule_name(nf_lint_rule rule); /* "cps", "line-length", ... */
/* Writes at most `cap` findings in cue order, returns how many there are. */
int32_t nf_lint(const nf_caption *doc, const nf_lint_profile *profile, nf_lint_finding *findings,
                int32_t cap);
/* Measures of one cue text: visible characters (grapheme clusters, line breaks not counted),
 * longest line, lines. */
typedef struct {
  int32_t chars, line_chars_max, lines;
} nf_text_measure;
nf_text_measure nf_measure(nf_bytes text, nf_caption_format format);

/* ---- hash --------------------------------------------------------------------- */

/* SHA-256 (FIPS 180-4) of bytes that come piece by piece. Plain data: copy it, drop it. */
typedef struct {
  uint32_t state[8];
  uint64_t n_bytes;
  uint8_t block[64];
} nf_sha256;
void nf_sha256_begin(nf_sha256 *hash);
void nf_sha256_add(nf_sha256 *hash, nf_bytes bytes);
/* Writes digest[0..32); afterwards `hash` must be begun again. */
void nf_sha256_end(nf_sha256 *hash, uint8_t digest[32]);

#ifdef __cplusplus
}
#endif
