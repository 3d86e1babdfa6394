/* Look-ups in a vocabulary that vocab.c has filled: by string, by pair, by byte, by place in a
 * text; and tokens back to bytes. See vocab.h. Allocates nothing. */
#include "base/utf8.h"
#include "text/vocab.h"

/* ---- tokens ---- */

nf_bytes vocab_token(const text_vocab *v, i32 id) {
  u32 at = v->token_at[id];
  return bytes_of(v->strings.at + at, (isize)load_u64(v->strings.at + at - 8));
}

token_type vocab_type(const text_vocab *v, i32 id) {
  return v->types == nullptr ? TOKEN_NORMAL : (token_type)(i32)load_u32(v->types + 4 * (isize)id);
}

f32 vocab_score(const text_vocab *v, i32 id) {
  return f32_from_bits(load_u32(v->scores + 4 * (isize)id));
}

/* FNV-1a, then mixed, because only the low bits choose a slot. */
static u32 hash_more(u32 h, nf_bytes b) {
  for (isize i = 0; i < b.len; i++) h = (h ^ b.at[i]) * 16777619u;
  return h;
}
static u32 hash_done(u32 h) {
  h ^= h >> 15;
  h *= 0x2C1B3C6Du;
  return h ^ h >> 13;
}
u32 vocab_hash(nf_bytes token) { return hash_done(hash_more(2166136261u, token)); }

i32 vocab_find_joined(const text_vocab *v, nf_bytes left, nf_bytes right) {
  u32 slot = hash_done(hash_more(hash_more(2166136261u, left), right)) & v->token_mask;
  for (; v->token_slots[slot] != 0; slot = (slot + 1) & v->token_mask) {
    i32 id = (i32)(v->token_slots[slot] - 1);
    nf_bytes token = vocab_token(v, id);
    if (token.len == left.len + right.len && bytes_start_with(token, left) &&
        bytes_equal(bytes_slice(token, left.len, token.len), right)) {
      return id;
    }
  }
  return -1;
}

i32 vocab_find(const text_vocab *v, nf_bytes token) {
  return vocab_find_joined(v, token, bytes_of(nullptr, 0));
}

u32 vocab_pair_hash(i32 left, i32 right) {
  u64 h = ((u64)(u32)left << 32 | (u32)right) * 0x9E3779B97F4A7C15ull;
  return (u32)(h >> 32) ^ (u32)(h >> 57);
}

i64 vocab_merge(const text_vocab *v, i32 left, i32 right) {
  u32 slot = vocab_pair_hash(left, right) & v->merge_mask;
  for (; v->merge_slots[slot] != 0; slot = (slot + 1) & v->merge_mask) {
    u32 rank = v->merge_slots[slot] - 1;
    if (v->merges[rank].left == (u32)left && v->merges[rank].right == (u32)right) return rank;
  }
  return -1;
}

/* ---- GPT-2's alphabet ----
 * Bytes that print in Latin-1 stand for themselves, the other 68 for U+0100 onwards in order.
 * Source: openai/gpt-2, encoder.py, bytes_to_unicode. */

static bool prints(u32 byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         (byte >= 174 && byte <= 255);
}

u32 vocab_char_of_byte(u8 byte) {
  if (prints(byte)) return byte;
  if (byte <= 32) return 256 + (u32)byte;         /* 33 of them */
  if (byte <= 160) return 256 + 33 + byte - 127u; /* 34 */
  return 256 + 67;                                /* 173 */
}

i32 vocab_byte_of_char(u32 cp) {
  if (cp < 256) return prints(cp) ? (i32)cp : -1;
  cp -= 256;
  if (cp < 33) return (i32)cp;
  if (cp < 67) return (i32)(cp - 33 + 127);
  return cp == 67 ? 173 : -1;
}

/* ---- special tokens in a text ---- */

bool vocab_is_white(nf_bytes token) {
  for (isize i = 0; i < token.len; i++) {
    u8 c = token.at[i];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return false;
  }
  return token.len > 0;
}

static bool filter_has(const u64 bits[4], u8 i) { return bits[i >> 6] >> (i & 63) & 1; }

isize vocab_special_find(const text_vocab *v, const token_filter *filter, nf_bytes text, isize at,
                         i32 *id) {
  u64 any = filter->lengths[0] | filter->lengths[1] | filter->lengths[2] | filter->lengths[3];
  if (any == 0) return text.len;
  for (; at < text.len; at++) {
    if (!filter_has(filter->first_bytes, text.at[at])) continue;
    for (isize n = isize_min(255, text.len - at); n > 0; n--) {
      if (!filter_has(filter->lengths, (u8)n)) continue;
      i32 found = vocab_find(v, bytes_slice(text, at, at + n));
      if (found < 0) continue;
      token_type type = vocab_type(v, found);
      bool wanted = type == TOKEN_USER_DEFINED;
      if (filter == &v->special) {
        wanted |= type == TOKEN_CONTROL;
      } else {
        wanted &= vocab_is_white(bytes_slice(text, at, at + n));
      }
      if (wanted) {
        *id = found;
        return at;
      }
    }
  }
  return text.len;
}

/* ---- back to bytes ---- */

/* One token of GPT-2's alphabet; characters that stand for no byte are kept as they are. */
static isize decode_bpe(nf_bytes token, u8 *out) {
  isize n = 0;
  for (isize at = 0; at < token.len;) {
    u32 cp;
    isize next = utf8_next(token, at, &cp);
    i32 byte = vocab_byte_of_char(cp);
    if (byte >= 0) {
      out[n++] = (u8)byte;
    } else {
      bytes_copy(out + n, token.at + at, next - at);
      n += next - at;
    }
    at = next;
  }
  return n;
}

static isize decode_spm(nf_bytes token, u8 *out) {
  isize n = 0;
  for (isize at = 0; at < token.len;) {
    if (token.len - at >= 3 && token.at[at] == 0xE2 && token.at[at + 1] == 0x96 &&
        token.at[at + 2] == 0x81) { /* U+2581 */
      out[n++] = ' ';
      at += 3;
    } else {
      out[n++] = token.at[at++];
    }
  }
  return n;
}

isize text_decode(const text_vocab *v, i32 id, bool special, u8 *out, isize cap) {
  ASSERT(0 <= id && id < v->n_tokens && cap >= v->token_bytes_max);
  nf_bytes token = vocab_token(v, id);
  switch (vocab_type(v, id)) {
    case TOKEN_CONTROL:
    case TOKEN_UNKNOWN:
      if (!special) return 0;
      [[fallthrough]];
    case TOKEN_USER_DEFINED: bytes_copy(out, token.at, token.len); return token.len;
    case TOKEN_BYTE:
      for (i32 byte = 0; v->kind == VOCAB_SPM && byte < 256; byte++) {
        if (v->byte_ids[byte] == id) return out[0] = (u8)byte, 1;
      }
      break;
    default: break;
  }
  return v->kind == VOCAB_BPE ? decode_bpe(token, out) : decode_spm(token, out);
}

isize text_token_bytes_max(const text_vocab *v) { return v->token_bytes_max; }
isize text_n_vocab(const text_vocab *v) { return v->n_tokens; }
i32 text_bos(const text_vocab *v) { return v->add_bos ? v->bos : -1; }
bool text_space_prefix(const text_vocab *v) { return v->space_prefix; }

bool text_is_end(const text_vocab *v, i32 id) {
  for (isize i = 0; i < v->n_ends; i++) {
    if (v->ends[i] == id) return true;
  }
  return false;
}

i32 text_turn_end(const text_vocab *v, text_template chat) {
  static const char *const marks[] = {[TEXT_CHATML] = "<|im_end|>",
                                      [TEXT_LLAMA3] = "<|eot_id|>",
                                      [TEXT_GEMMA] = "<end_of_turn>",
                                      [TEXT_LLAMA2] = "</s>"};
  i32 id = vocab_find(v, bytes_from_str(marks[chat]));
  if (id >= 0 && text_is_end(v, id)) return id;
  return v->n_ends > 0 ? v->ends[0] : -1;
}
