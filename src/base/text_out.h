/* A bounded text builder: what libraries here use instead of printf. Never overflows; text
 * that does not fit is cut at the end and `cut` is set. Used for error lines and small
 * reports; not for caption files (those grow, see caption/). */
#pragma once
#include "base/base.h"

typedef struct {
  char *at;
  isize len, cap; /* cap leaves no room for a NUL; text_out_error adds one */
  bool cut;
} text_out;

void out_bytes(text_out *o, nf_bytes text);
void out_str(text_out *o, const char *text);
void out_i64(text_out *o, i64 value);
void out_hex(text_out *o, u64 value, isize digits);
/* Foreign bytes for a message: at most 40, control bytes shown as '?'. */
void out_foreign(text_out *o, nf_bytes text);

/* No error yet: what each public call begins with. error may be null. */
static inline void error_clear(nf_error *error) {
  if (error != nullptr) error->line[0] = 0;
}

/* Fill an error line from up to 8 parts, e.g.
 *   error_set(error, NF_BAD_INPUT, E_STR("tensor "), E_FOREIGN(name), E_STR(" ends at byte "),
 *             E_INT(end), E_STR(", past the file's "), E_INT(size));
 * error may be null. Returns `status`, so `return error_set(...)` reads well. */
typedef struct {
  enum : u8 { PART_NONE, PART_STR, PART_FOREIGN, PART_INT } kind;
  const char *str;
  nf_bytes foreign;
  i64 number;
} error_part;
#define E_STR(s) ((error_part){.kind = PART_STR, .str = (s)})
#define E_FOREIGN(b) ((error_part){.kind = PART_FOREIGN, .foreign = (b)})
#define E_INT(n) ((error_part){.kind = PART_INT, .number = (i64)(n)})
nf_status error_parts_set(nf_error *error, nf_status status, const error_part *parts, isize n);
#define error_set(error, status, ...)                                   \
  error_parts_set((error), (status), (const error_part[]){__VA_ARGS__}, \
                  (isize)(sizeof((error_part[]){__VA_ARGS__}) / sizeof(error_part)))
