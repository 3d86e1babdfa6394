/* Messages to tokens in the four families' forms. See text.h and chat.h.
 * Text between two special tokens is encoded in one piece, as the models' own tokenizers do with
 * the rendered template. Owns nothing; scratch is the caller's arena. */
#include "base/text_out.h"
#include "base/utf8.h"
#include "text/category.h"
#include "text/vocab.h"

nf_status text_template_of(const gguf_file *file, text_template *out, nf_error *error) {
  nf_bytes text;
  if (!gguf_string(file, "tokenizer.chat_template", &text)) {
    return error_set(error, NF_UNSUPPORTED, E_STR("the file has no tokenizer.chat_template"));
  }
  u8 block[2 * CHAT_TEMPLATE_BYTES_MAX + 64]; /* this call has no arena */
  arena a = arena_of(block, sizeof block);
  chat_style style;
  nf_status status = chat_style_read(text, &a, &style, error);
  if (status == NF_OK) *out = (text_template)(style.family - 1);
  return status;
}

typedef struct {
  const text_vocab *vocab;
  merge_space *space;
  token_sink sink;
  u8 *text; /* not yet encoded */
  isize n_text, cap;
  bool after_special;
  bool lacks_token; /* the vocabulary has no token of that name */
} writer;

static void put_bytes(writer *w, nf_bytes text) {
  ASSERT(w->n_text + text.len <= w->cap);
  if (text.len > 0) bytes_copy(w->text + w->n_text, text.at, text.len);
  w->n_text += text.len;
}
static void put_str(writer *w, const char *text) { put_bytes(w, bytes_from_str(text)); }

static void flush(writer *w) {
  encode_segment(w->vocab, w->space, bytes_of(w->text, w->n_text), false, &w->after_special,
                 &w->sink);
  w->n_text = 0;
}

static void put_id(writer *w, i32 id) {
  flush(w);
  if (id < 0) w->lacks_token = true;
  token_put(&w->sink, id);
  w->after_special = true;
}

static void put_special(writer *w, const char *name) {
  i32 id = vocab_find(w->vocab, bytes_from_str(name));
  bool special = id >= 0 && (vocab_type(w->vocab, id) == TOKEN_CONTROL ||
                             vocab_type(w->vocab, id) == TOKEN_USER_DEFINED);
  put_id(w, special ? id : -1);
}

/* What Jinja's trim and Python's strip take away. */
static nf_bytes trimmed(nf_bytes t) {
  if (t.len == 0) return t;
  isize from = 0, to = 0;
  for (isize at = 0; at < t.len;) {
    u32 cp;
    isize next = utf8_next(t, at, &cp);
    bool blank = category_of(cp) == CATEGORY_SPACE || (cp >= 0x1C && cp <= 0x1F);
    if (!blank) to = next;
    if (blank && to == 0) from = next;
    at = next;
  }
  return bytes_slice(t, from, isize_max(from, to));
}

static const char *role_name(nf_role role) {
  return role == NF_SYSTEM ? "system" : role == NF_USER ? "user" : "assistant";
}

typedef struct {
  const nf_message *at;
  isize n;
  bool open; /* the last is the assistant's and stays open */
} messages;

static bool is_open(const messages *m, isize i) { return m->open && i == m->n - 1; }

/* ---- the families ---- */

static void chatml_turn(writer *w, const char *role, nf_bytes text, bool open) {
  put_special(w, "<|im_start|>");
  put_str(w, role);
  put_str(w, "\n");
  put_bytes(w, text);
  if (open) return;
  put_special(w, "<|im_end|>");
  put_str(w, "\n");
}

static void chatml(writer *w, const messages *m, const chat_style *style) {
  if (text_bos(w->vocab) >= 0) put_id(w, text_bos(w->vocab));
  if (style->default_system.len > 0 && m->at[0].role != NF_SYSTEM) {
    chatml_turn(w, "system", style->default_system, false);
  }
  for (isize i = 0; i < m->n; i++) {
    chatml_turn(w, role_name(m->at[i].role), m->at[i].text, is_open(m, i));
  }
  if (!m->open) chatml_turn(w, "assistant", (nf_bytes){}, true);
}

static void llama3_turn(writer *w, const char *role, nf_bytes text, bool open) {
  put_special(w, "<|start_header_id|>");
  put_str(w, role);
  put_special(w, "<|end_header_id|>");
  put_str(w, "\n\n");
  put_bytes(w, trimmed(text));
  if (!open) put_special(w, "<|eot_id|>");
}

static void llama3(writer *w, const messages *m) {
  put_id(w, w->vocab->bos);
  for (isize i = 0; i < m->n; i++) {
    llama3_turn(w, role_name(m->at[i].role), m->at[i].text, is_open(m, i));
  }
  if (!m->open) llama3_turn(w, "assistant", (nf_bytes){}, true);
}

/* From m[first] on, is it user, assistant, user, ...? */
static bool alternates(const messages *m, isize first) {
  for (isize i = first; i < m->n; i++) {
    if (m->at[i].role != ((i - first) % 2 == 0 ? NF_USER : NF_ASSISTANT)) return false;
  }
  return first < m->n;
}

static bool gemma(writer *w, const messages *m, const chat_style *style) {
  isize first = m->at[0].role == NF_SYSTEM;
  if ((first == 1 && !style->system_in_user) || !alternates(m, first)) return false;
  put_id(w, w->vocab->bos);
  for (isize i = first; i < m->n; i++) {
    put_special(w, "<start_of_turn>");
    put_str(w, m->at[i].role == NF_ASSISTANT ? "model\n" : "user\n");
    if (i == first && first == 1) {
      put_bytes(w, m->at[0].text);
      put_str(w, "\n\n");
    }
    put_bytes(w, trimmed(m->at[i].text));
    if (is_open(m, i)) return true;
    put_special(w, "<end_of_turn>");
    put_str(w, "\n");
  }
  put_special(w, "<start_of_turn>");
  put_str(w, "model\n");
  return true;
}

static void llama2_user(writer *w, const messages *m, isize i, isize first) {
  nf_bytes text = m->at[i].text, bare = trimmed(text);
  put_id(w, w->vocab->bos);
  put_str(w, "[INST] ");
  if (i > first || first == 0) {
    put_bytes(w, bare);
  } else { /* the template strips both texts as one, so here only the end goes */
    put_str(w, "<<SYS>>\n");
    put_bytes(w, m->at[0].text);
    put_str(w, bare.len > 0 ? "\n<</SYS>>\n\n" : "\n<</SYS>>");
    if (bare.len > 0) put_bytes(w, bytes_slice(text, 0, bare.at + bare.len - text.at));
  }
  put_str(w, " [/INST]");
}

static bool llama2(writer *w, const messages *m) {
  isize first = m->at[0].role == NF_SYSTEM;
  if (!alternates(m, first)) return false;
  for (isize i = first; i < m->n; i++) {
    if (m->at[i].role == NF_USER) {
      llama2_user(w, m, i, first);
      continue;
    }
    put_str(w, " ");
    put_bytes(w, trimmed(m->at[i].text));
    if (is_open(m, i)) return true;
    put_str(w, " ");
    put_id(w, w->vocab->eos);
  }
  return true;
}

/* ---- entry ---- */

/* Room for everything the template writes: the texts and less than 64 bytes a message. */
static isize text_room(const text_vocab *v, const nf_message *m, isize n) {
  isize bytes = v->chat.default_system.len + 64 * (n + 2);
  for (isize i = 0; i < n; i++) {
    if (m[i].text.len > INT32_MAX - bytes) return INT32_MAX;
    bytes += m[i].text.len;
  }
  return bytes;
}

isize text_chat_scratch_bytes(const text_vocab *v, const nf_message *m, isize n) {
  isize room = text_room(v, m, n), merge = merge_space_bytes(room);
  return merge == ISIZE_MAX ? merge : room + merge;
}

nf_status text_chat_encode(const text_vocab *v, text_template chat, const nf_message *m,
                           isize n_messages, i32 *ids, isize cap, isize *n, arena *scratch) {
  if (n_messages <= 0) return NF_BAD_INPUT;
  arena mine = *scratch;
  writer w = {.vocab = v, .after_special = true, .sink = {.ids = ids, .cap = cap}};
  w.cap = text_room(v, m, n_messages);
  w.space = merge_space_open(w.cap, &mine);
  w.text = arena_new(&mine, w.cap, u8);
  if (w.space == nullptr || w.text == nullptr) return NF_NO_MEMORY;
  chat_style plain = {.family = (chat_family)(chat + 1)};
  const chat_style *style = v->chat.family == plain.family ? &v->chat : &plain;
  messages list = {m, n_messages, m[n_messages - 1].role == NF_ASSISTANT};
  bool takes = true;
  switch (chat) {
    case TEXT_CHATML: chatml(&w, &list, style); break;
    case TEXT_LLAMA3: llama3(&w, &list); break;
    case TEXT_GEMMA: takes = gemma(&w, &list, style); break;
    case TEXT_LLAMA2: takes = llama2(&w, &list); break;
  }
  if (!takes || w.lacks_token) return NF_UNSUPPORTED;
  flush(&w);
  *n = w.sink.n;
  return w.sink.n > cap ? NF_BAD_INPUT : NF_OK;
}
