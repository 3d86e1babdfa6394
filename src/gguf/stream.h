/* A GGUF file that arrives in chunks of any size: first its directory, then the tensors' bytes in
 * file order, handed on as they come, so that host memory never holds the model.
 *
 *   gguf_stream_begin -> gguf_stream_head until NF_OK -> gguf_stream_open
 *   -> gguf_stream_next until the chunks have ended -> gguf_stream_end
 *
 * Owns nothing: the head's block, the arena and the chunks are the caller's. Copies the head and
 * at most 4 bytes of a tensor. Does NOT: know where bytes come from or what a tensor is for.
 * Read next: gguf.h. */
#pragma once
#include "gguf/gguf.h"

typedef struct {
  u64 file_bytes, at; /* at: the next byte of the file to be handed on */
  u64 taken;          /* bytes of the file seen so far */
  u8 *head;           /* the file's first bytes; the directory borrows from them */
  isize head_cap, head_len, head_try; /* head_try: length at which the directory is tried next */
  gguf_file file;
  isize *order; /* [n_tensors] by offset */
  isize i_order;
  u8 word[4]; /* bytes of a tensor that a chunk's end cut off */
  isize n_word;
} gguf_stream;

/* Bytes of one tensor that have become known. */
typedef struct {
  isize i_tensor; /* of stream.file.tensors */
  isize at;       /* place in the tensor, a multiple of 4 */
  nf_bytes bytes; /* never empty, a multiple of 4 long: up to 3 zeros follow a tensor whose length
                     is none. Borrowed from the chunk or the stream until the next call */
} gguf_piece;

/* file_bytes: length of the whole file. head[head_cap]: borrowed until the stream is no more used
 * or gguf_stream_head_move; the directory of a chat model is about 2 MB. */
void gguf_stream_begin(gguf_stream *s, u64 file_bytes, u8 *head, isize head_cap);

/* Take bytes from the front of *chunk until the directory is whole. directory_bytes: what the
 * arena of gguf_stream_open must hold.
 * errors NF_NEED_BYTES the chunk was used up: call again with the next one
 *        NF_NO_MEMORY  the head's block is full: gguf_stream_head_move, then call again
 *        NF_BAD_INPUT  the file ends inside its directory, or as gguf_open
 *        NF_UNSUPPORTED as gguf_open */
[[nodiscard]] nf_status gguf_stream_head(gguf_stream *s, nf_bytes *chunk, isize *directory_bytes,
                                         nf_error *error);
/* Go on with a larger block, before gguf_stream_open only; the old one is free afterwards. */
void gguf_stream_head_move(gguf_stream *s, u8 *head, isize head_cap);

/* Read the directory into s->file, after gguf_stream_head said NF_OK. errors as gguf_open */
[[nodiscard]] nf_status gguf_stream_open(gguf_stream *s, arena *a, nf_error *error);

/* Take bytes from the front of *chunk until a piece is known. A tensor's pieces come one after
 * the other without a gap. errors NF_NEED_BYTES the chunk was used up */
[[nodiscard]] nf_status gguf_stream_next(gguf_stream *s, nf_bytes *chunk, gguf_piece *piece);

/* No chunk follows. errors NF_BAD_INPUT the file has more or fewer bytes than were announced */
[[nodiscard]] nf_status gguf_stream_end(const gguf_stream *s, nf_error *error);
