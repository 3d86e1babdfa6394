/* See chat_json.h. */
#include "server/chat_json.h"

static void head_add(const chat_head *head, const char *object, text_buf *out) {
  text_buf_str(out, "{\"id\":\"");
  text_buf_str(out, head->id);
  text_buf_str(out, "\",\"object\":\"");
  text_buf_str(out, object);
  text_buf_str(out, "\",\"created\":");
  text_buf_number(out, head->created_s);
  text_buf_str(out, ",\"model\":");
  text_buf_json(out, text(head->model), true);
  text_buf_str(out, ",\"choices\":[");
}

static void end_add(nf_generate_end end, text_buf *out) {
  const char *reason = end == NF_END_LENGTH ? "\"length\"" : "\"stop\"";
  text_buf_str(out, ",\"logprobs\":null,\"finish_reason\":");
  text_buf_str(out, end == NF_END_NONE ? "null" : reason);
}

static void usage_add(const chat_usage *usage, text_buf *out) {
  text_buf_str(out, ",\"usage\":{\"prompt_tokens\":");
  text_buf_number(out, usage->input_tokens);
  text_buf_str(out, ",\"completion_tokens\":");
  text_buf_number(out, usage->output_tokens);
  text_buf_str(out, ",\"total_tokens\":");
  text_buf_number(out, usage->input_tokens + usage->output_tokens);
  text_buf_str(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
  text_buf_number(out, usage->cached_tokens);
  text_buf_str(out, "}}");
}

void chat_json_begin(const chat_head *head, text_buf *out) {
  head_add(head, "chat.completion", out);
}

void chat_json_choice(int i_choice, nf_bytes content, nf_generate_end end, text_buf *out) {
  text_buf_str(out, i_choice == 0 ? "{\"index\":" : ",{\"index\":");
  text_buf_number(out, i_choice);
  text_buf_str(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
  text_buf_json(out, content, true);
  text_buf_str(out, ",\"refusal\":null}");
  end_add(end, out);
  text_buf_str(out, "}");
}

void chat_json_end(const chat_usage *usage, text_buf *out) {
  text_buf_str(out, "]");
  usage_add(usage, out);
  text_buf_str(out, "}\n");
}

void chat_event(const chat_head *head, int i_choice, bool first, nf_bytes content,
                nf_generate_end end, text_buf *out) {
  text_buf_str(out, "data: ");
  head_add(head, "chat.completion.chunk", out);
  text_buf_str(out, "{\"index\":");
  text_buf_number(out, i_choice);
  text_buf_str(out, ",\"delta\":{");
  if (first) text_buf_str(out, "\"role\":\"assistant\"");
  if (first && content.at != nullptr) text_buf_str(out, ",");
  if (content.at != nullptr) {
    text_buf_str(out, "\"content\":");
    text_buf_json(out, content, true);
  }
  text_buf_str(out, "}");
  end_add(end, out);
  text_buf_str(out, head->include_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

void chat_event_usage(const chat_head *head, const chat_usage *usage, text_buf *out) {
  text_buf_str(out, "data: ");
  head_add(head, "chat.completion.chunk", out);
  text_buf_str(out, "]");
  usage_add(usage, out);
  text_buf_str(out, "}\n\n");
}
