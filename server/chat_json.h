/* Answers of /v1/chat/completions in OpenAI's shape: one object, or the chunks of a stream as
 * server-sent events. Pure. source OpenAI's API reference, "The chat completion object" and "The
 * chat completion chunk object"; WHATWG HTML, 9.2.6 (event streams) */
#pragma once
#include "server/text_buf.h"

typedef struct {
  const char *id, *model;
  i64 created_s;
  bool include_usage; /* of a stream: every chunk has the field, the last one its values */
} chat_head;

typedef struct {
  i64 input_tokens, cached_tokens, output_tokens; /* of all choices; the prompt counts once */
} chat_usage;

/* The whole answer: begin, choices in order, end. */
void chat_json_begin(const chat_head *head, text_buf *out);
void chat_json_choice(int i_choice, nf_bytes content, nf_generate_end end, text_buf *out);
void chat_json_end(const chat_usage *usage, text_buf *out);

/* One event of a stream. content .at null: none, else the delta's; first: it brings the role;
 * end: NF_END_NONE while there is more. */
void chat_event(const chat_head *head, int i_choice, bool first, nf_bytes content,
                nf_generate_end end, text_buf *out);
void chat_event_usage(const chat_head *head, const chat_usage *usage, text_buf *out);
