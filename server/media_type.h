/* File name -> Content-Type, whether the type is worth compressing, and whether the name is
 * content-addressed. Pure tables. */
#pragma once
#include "server/words.h"

typedef struct {
  const char *type;  /* with charset where it is text */
  bool compressible; /* .br and .gz variants are looked for */
} media_type;
media_type media_type_of(nf_bytes name);

/* True for files whose name holds a hash of their content, as Vite writes them:
 * /assets/NAME-XXXXXXXX.EXT with 8 base64url letters. Only in /assets/: elsewhere a name like
 * "my-longname.js" may look the same. */
bool name_is_immutable(nf_bytes path);
