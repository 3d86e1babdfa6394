/* Chat templates as far as this build runs them: what the file's own template says that its
 * family leaves open. Only for text/.
 *
 * A template is a Jinja program; it is not run. template.c brings it to one spelling, chat_read.c
 * looks there for the pieces that make a template one of four families and for anything that
 * would make it say something else. What it does not know is NF_UNSUPPORTED: a wrong prompt would
 * cost quality silently. Read next: template.c, chat_read.c, chat.c (rendering). */
#pragma once
#include "base/arena.h"
#include "base/base.h"

typedef enum : u8 { CHAT_NONE = 0, CHAT_CHATML, CHAT_LLAMA3, CHAT_GEMMA, CHAT_LLAMA2 } chat_family;

typedef struct {
  chat_family family;
  nf_bytes default_system; /* ChatML: said when the first message is no system one; "": none */
  bool system_in_user;     /* Gemma: a system text goes in front of the first user's */
} chat_style;

/* Longer templates are not looked at: those of the families below have 200 to 8,000 bytes. */
enum { CHAT_TEMPLATE_BYTES_MAX = 12000 };

/* style->default_system lies in the arena. error may be null.
 * errors NF_UNSUPPORTED no family, or longer than CHAT_TEMPLATE_BYTES_MAX; NF_NO_MEMORY less than
 *        chat_style_bytes */
isize chat_style_bytes(isize template_bytes);
[[nodiscard]] nf_status chat_style_read(nf_bytes template_text, arena *a, chat_style *style,
                                        nf_error *error);

/* One spelling for a Jinja template, so that equal programs look equal: comments and the white
 * space that Jinja drops are gone; "{{ 'a' + x.y + \"b\" }}c" is a TEMPLATE_OPEN x.y
 * TEMPLATE_CLOSE b c; x['y'] is x.y; statements keep their braces and lose their blanks; strings
 * are unescaped, in ' quotes where they are still strings.
 * trim_blocks and lstrip_blocks are on, as they are in transformers.
 * out[cap >= 2 * template_text.len + 8] is written; the result is a part of it. */
enum { TEMPLATE_OPEN = 1, TEMPLATE_CLOSE = 2 };
nf_bytes template_normalize(nf_bytes template_text, u8 *out);
