/* Which family a chat template belongs to, and what it adds. See chat.h.
 * Looks at the normalized template only (template.c). Every family has pieces that must be there,
 * exactly, and words that must not; both lists are tested against the templates of real models
 * and against changed ones (tests/text/test_chat.c). Owns nothing. */
#include "base/text_out.h"
#include "text/chat.h"
#include "text/text.h"

static bool has(nf_bytes t, const char *piece) { return bytes_find(t, bytes_from_str(piece)) >= 0; }

/* Constructs that change what is said and that no family below covers. */
static bool is_foreign(nf_bytes t) {
  static const char *words[] = {"<think>", "reasoning", "strftime_now", "date_string", "replace(",
                                "|upper",  "|lower",    "|capitalize",  "namespace("};
  for (isize i = 0; i < (isize)(sizeof words / sizeof *words); i++) {
    if (has(t, words[i])) return true;
  }
  return false;
}

/* In the pieces below \1 and \2 are TEMPLATE_OPEN and TEMPLATE_CLOSE. */

/* The text between "<|im_start|>system\n" and "<|im_end|>\n" where it is constant. False when a
 * system turn is written that is neither constant nor the first message itself. */
static bool chatml_default(nf_bytes t, nf_bytes *text) {
  nf_bytes head = bytes_from_str("<|im_start|>system\n"), tail = bytes_from_str("<|im_end|>\n");
  *text = (nf_bytes){};
  for (nf_bytes rest = t;;) {
    isize at = bytes_find(rest, head);
    if (at < 0) return true;
    rest = bytes_slice(rest, at + head.len, rest.len);
    isize end = bytes_find(rest, tail);
    if (end < 0) return false;
    nf_bytes said = bytes_slice(rest, 0, end);
    if (bytes_equal(said, bytes_from_str("\1messages[0].content\2"))) continue;
    for (isize i = 0; i < said.len; i++) {
      bool code = said.at[i] == TEMPLATE_OPEN ||
                  (said.at[i] == '{' && i + 1 < said.len && said.at[i + 1] == '%');
      if (code) return false;
    }
    if (text->len > 0 && !bytes_equal(*text, said)) return false;
    *text = said;
  }
}

/* Qwen's templates say one thing with tools and another without, "{%if tools%}A{%else%}B{%endif%}";
 * this build never gives tools, so A goes. Works on the buffer t lies in. */
static nf_bytes tools_drop(u8 *text, isize len) {
  nf_bytes t = bytes_of(text, len), head = bytes_from_str("{%iftools%}");
  isize from = bytes_find(t, head), depth = 0;
  if (from < 0) return t;
  for (isize at = from + head.len; at < len; at++) {
    nf_bytes rest = bytes_slice(t, at, len);
    if (bytes_start_with(rest, bytes_from_str("{%if"))) depth++;
    if (bytes_start_with(rest, bytes_from_str("{%endif%}")) && depth-- == 0) return t;
    if (depth == 0 && bytes_start_with(rest, bytes_from_str("{%else%}"))) {
      isize to = at + 8; /* its {%endif%} stays; nothing here minds */
      bytes_move(text + from, text + to, len - to);
      return bytes_of(text, len - (to - from));
    }
  }
  return t;
}

/* Every value that is given to a variable of this name is one of the n listed. */
static bool only_set_to(nf_bytes t, const char *set, const char *const *values, isize n) {
  for (nf_bytes rest = t, head = bytes_from_str(set);;) {
    isize at = bytes_find(rest, head);
    if (at < 0) return true;
    rest = bytes_slice(rest, at + head.len, rest.len);
    bool listed = false;
    for (isize i = 0; i < n; i++) listed |= bytes_start_with(rest, bytes_from_str(values[i]));
    if (!listed) return false;
  }
}

static bool chatml_read(nf_bytes t, chat_style *style) {
  if (!has(t, "<|im_start|>\1message.role\2\n\1message.content\2<|im_end|>\n")) return false;
  if (!has(t, "{%ifadd_generation_prompt%}<|im_start|>assistant\n{%endif%}")) return false;
  if (has(t, "trim") || has(t, "strip(") || has(t, "bos_token") || has(t, "eos_token"))
    return false;
  if (has(t, "tools")) return false;
  if (!chatml_default(t, &style->default_system)) return false;
  bool asks_first = has(t, "messages[0].role!='system'") || has(t, "messages[0].role=='system'");
  if (style->default_system.len > 0 && !asks_first) return false;
  style->family = CHAT_CHATML;
  return true;
}

static bool llama3_read(nf_bytes t, chat_style *style) {
  if (!has(t,
           "<|start_header_id|>\1message.role\2<|end_header_id|>\n\n"
           "\1message.content|trim\2<|eot_id|>")) {
    return false;
  }
  if (!has(t, "\1bos_token\2")) return false;
  if (!has(t, "<|start_header_id|>assistant<|end_header_id|>\n\n")) return false;
  if (has(t, "<|start_header_id|>system") || has(t, "tools")) return false;
  style->family = CHAT_LLAMA3;
  return true;
}

static bool gemma_read(nf_bytes t, chat_style *style) {
  if (!has(t, "\1bos_token\2") || !has(t, "<start_of_turn>model\n")) return false;
  if (!has(t, "{%setrole=model%}") || has(t, "tools")) return false;
  if (has(t, "<start_of_turn>\1role\2\n\1message.content|trim\2<end_of_turn>\n")) {
    if (!has(t, "raise_exception('System role not supported')")) return false;
    style->family = CHAT_GEMMA;
    return true;
  }
  static const char *const values[] = {"\1messages[0].content\2\n\n%}",
                                       "\1messages[0].content[0].text\2\n\n%}", "%}"};
  style->system_in_user = has(t, "{%setfirst_user_prefix=\1messages[0].content\2\n\n%}") &&
                          only_set_to(t, "{%setfirst_user_prefix=", values, 3) &&
                          has(t,
                              "<start_of_turn>\1role\2\n\1(first_user_prefixifloop.firstelse'')\2"
                              "{%ifmessage.contentisstring%}\1message.content|trim\2") &&
                          has(t, "<end_of_turn>\n");
  if (style->system_in_user) style->family = CHAT_GEMMA;
  return style->system_in_user;
}

static bool llama2_read(nf_bytes t, chat_style *style) {
  if (!has(t, "\1bos_token\2[INST] \1content.strip()\2 [/INST]")) return false;
  if (!has(t, " \1content.strip()\2 \1eos_token\2")) return false;
  if (!has(t, "<<SYS>>\n\1system_message\2\n<</SYS>>\n\n\1message.content\2")) return false;
  if (!has(t, "{%setsystem_message=\1messages[0].content\2%}")) return false;
  /* any other value would be a default that is said without being asked */
  static const char *const values[] = {"\1messages[0].content\2%}", "\1false\2%}"};
  if (!only_set_to(t, "{%setsystem_message=", values, 2)) return false;
  style->family = CHAT_LLAMA2;
  return true;
}

isize chat_style_bytes(isize template_bytes) {
  return template_bytes > CHAT_TEMPLATE_BYTES_MAX ? 0 : 2 * template_bytes + 8;
}

nf_status chat_style_read(nf_bytes template_text, arena *a, chat_style *style, nf_error *error) {
  if (template_text.len > CHAT_TEMPLATE_BYTES_MAX) {
    return error_set(error, NF_UNSUPPORTED, E_STR("tokenizer.chat_template has "),
                     E_INT(template_text.len), E_STR(" bytes; this build reads at most "),
                     E_INT(CHAT_TEMPLATE_BYTES_MAX));
  }
  u8 *buffer = arena_new(a, chat_style_bytes(template_text.len), u8);
  if (buffer == nullptr) return NF_NO_MEMORY;
  nf_bytes t = template_normalize(template_text, buffer);
  t = tools_drop(buffer, t.len);
  chat_style found = {};
  bool known = !is_foreign(t) && (chatml_read(t, &found) || llama3_read(t, &found) ||
                                  gemma_read(t, &found) || llama2_read(t, &found));
  if (!known) {
    return error_set(error, NF_UNSUPPORTED,
                     E_STR("tokenizer.chat_template is none this build knows (ChatML, Llama 3, "
                           "Gemma, Llama 2): \""),
                     E_FOREIGN(template_text), E_STR("...\""));
  }
  *style = found;
  return NF_OK;
}
