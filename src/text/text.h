/* gguf -> text <-> tokens. Byte-level BPE with the pre-tokenizer the file names, special
 * tokens, chat templates. Does not know model/.
 *
 * Owns the vocabulary tables (in the caller's arena); borrows token strings from the file.
 * Unknown tokenizers, pre-tokenizers and templates are NF_UNSUPPORTED, never guessed. */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "gguf/gguf.h"

typedef struct text_vocab text_vocab;

/* Arena bytes text_open needs for this file (0 when it has no vocabulary). */
isize text_vocab_bytes(const gguf_file *file);
[[nodiscard]] nf_status text_open(const gguf_file *file, arena *a, text_vocab **out,
                                  nf_error *error);
isize text_n_vocab(const text_vocab *vocab);

/* UTF-8 -> tokens. Invalid UTF-8 is encoded byte by byte (byte-level BPE loses nothing but the
 * bytes text_bytes_lost tells of).
 * special: names of special tokens in the text ("<|im_end|>") become their ids; without it
 *          they are ordinary text. User text is always encoded without it. (Tokens of type
 *          "user defined" made of white space only, as Gemma has, are text in both cases.)
 * ids[cap]; *n is how many there are, also when that is over cap. scratch is used and given back.
 * errors NF_BAD_INPUT more than cap tokens; NF_NO_MEMORY scratch too small
 *        (text_scratch_bytes(text.len) is enough) */
isize text_scratch_bytes(isize text_bytes); /* more than 32 MiB of text: ISIZE_MAX */
[[nodiscard]] nf_status text_encode(const text_vocab *vocab, nf_bytes text, bool special, i32 *ids,
                                    isize cap, isize *n, arena *scratch);
/* Bytes of one token, written to out[cap >= text_token_bytes_max]; returns how many. Special
 * tokens give "" unless `special`. Concatenated they give the text back. */
isize text_decode(const text_vocab *vocab, i32 id, bool special, u8 *out, isize cap);
/* How many bytes of the text no token of this vocabulary can hold: encoding leaves them out, as
 * the models' own tokenizers do. SmolLM2 lacks 04 06 13 14 16 1D (hex) and some bytes that UTF-8
 * has no use for. 0 for any other text: then decoding gives every byte back. */
isize text_bytes_lost(const text_vocab *vocab, nf_bytes text);
/* SentencePiece only: decoding gives one space more in front of what was encoded first. */
bool text_space_prefix(const text_vocab *vocab);
isize text_token_bytes_max(const text_vocab *vocab);
/* True for tokens that end an answer (eos, end of turn). */
bool text_is_end(const text_vocab *vocab, i32 id);
i32 text_bos(const text_vocab *vocab); /* -1: the file asks for none in front */

/* ---- chat templates ---- */
typedef enum : i32 { TEXT_CHATML = 0, TEXT_LLAMA3, TEXT_GEMMA, TEXT_LLAMA2 } text_template;
/* Which template the file's own tokenizer.chat_template is; NF_UNSUPPORTED when none. Uses 24 KB
 * of stack. */
[[nodiscard]] nf_status text_template_of(const gguf_file *file, text_template *out,
                                         nf_error *error);
/* Scratch that text_chat_encode needs. */
isize text_chat_scratch_bytes(const text_vocab *vocab, const nf_message *messages,
                              isize n_messages);
/* The token that ends an assistant's turn; -1: the vocabulary has none. */
i32 text_turn_end(const text_vocab *vocab, text_template chat);
/* Messages -> tokens, ending with the head of the assistant's turn. A last message with
 * NF_ASSISTANT role is left open, so that the model goes on with it. Only the template's own
 * markers become special tokens: markers inside a message stay text. What the file's own
 * template adds (a default system message) is added when `chat` is its family.
 * errors NF_BAD_INPUT no messages (*n untouched), or more than cap tokens; NF_UNSUPPORTED the
 * template takes no such list (Gemma 2: a system message; Llama 2, Gemma: roles that do not
 * alternate), or the vocabulary lacks the template's tokens; NF_NO_MEMORY scratch too small */
[[nodiscard]] nf_status text_chat_encode(const text_vocab *vocab, text_template chat,
                                         const nf_message *messages, isize n_messages, i32 *ids,
                                         isize cap, isize *n, arena *scratch);
