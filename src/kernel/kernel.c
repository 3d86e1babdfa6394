/* What all tables share: the packed order of weights, the layout of quantized rows, and the
 * choice of a table at start. Owns no memory. Does not compute products.
 * Read next: kernel_body.inc (products over the packed order), simd.h. */
#include "kernel/kernel.h"

#include "gguf/quant.h"
#include "kernel/internal.h"

/* Where the integers of a file's block lie, what scale words stand before them. */
typedef struct {
  isize quants_bytes; /* per row and 32-block; 0: the type has no packed form */
  isize n_halves;     /* f16 words: scale, minimum */
  u8 flip;            /* xor on each byte: Q8_0 becomes unsigned, offset 128 */
} pack_form;

static pack_form pack_form_of(gguf_type type) {
  switch (type) {
    case GGUF_Q4_0: return (pack_form){16, 1, 0};
    case GGUF_Q4_1: return (pack_form){16, 2, 0};
    case GGUF_Q8_0: return (pack_form){32, 1, 0x80};
    default: return (pack_form){};
  }
}

isize k_pack_scratch_bytes(const k_weight *w) {
  if (pack_form_of(w->type).quants_bytes == 0) return 0;
  return quant_row_bytes(w->type, w->cols) * K_TILE_ROWS;
}

/* One 32-block of 16 rows: file blocks, row_bytes apart, to the packed block. */
static void block_pack(u8 *to, const u8 *from, isize row_bytes, pack_form form) {
  for (isize r = 0; r < K_TILE_ROWS; r++) {
    const u8 *block = from + r * row_bytes, *quants = block + 2 * form.n_halves;
    for (isize i = 0; i < form.quants_bytes; i += 4) {
      u32 four;
      bytes_copy(&four, quants + i, 4);
      four ^= form.flip * 0x01010101u;
      bytes_copy(to + i * K_TILE_ROWS + r * 4, &four, 4);
    }
    u8 *halves = to + form.quants_bytes * K_TILE_ROWS;
    for (isize i = 0; i < form.n_halves; i++) {
      bytes_copy(halves + (i * K_TILE_ROWS + r) * 2, block + i * 2, 2);
    }
  }
}

void k_weight_pack(k_weight *w, u8 *writable, u8 *scratch) {
  ASSERT(w->at == writable && !w->packed);
  pack_form form = pack_form_of(w->type);
  if (form.quants_bytes == 0) return;
  isize row_bytes = quant_row_bytes(w->type, w->cols);
  isize block_bytes = form.quants_bytes + 2 * form.n_halves;
  for (isize tile = 0; tile < w->rows / K_TILE_ROWS; tile++) {
    u8 *at = writable + tile * K_TILE_ROWS * row_bytes;
    bytes_copy(scratch, at, K_TILE_ROWS * row_bytes);
    for (isize b = 0; b < w->cols / 32; b++) {
      block_pack(at + b * block_bytes * K_TILE_ROWS, scratch + b * block_bytes, row_bytes, form);
    }
  }
  w->packed = true;
}

/* One row's 32-block of a packed tile, decoded. */
static void packed_block_decode(const k_weight *w, pack_form form, const u8 *from, isize in_tile,
                                f32 *dst) {
  const u8 *halves = from + form.quants_bytes * K_TILE_ROWS;
  u8 block[4 + 32]; /* the file's block again: one definition of what it means */
  for (isize i = 0; i < form.n_halves; i++) {
    bytes_copy(block + i * 2, halves + (i * K_TILE_ROWS + in_tile) * 2, 2);
  }
  for (isize i = 0; i < form.quants_bytes; i++) {
    block[2 * form.n_halves + i] = from[i / 4 * 4 * K_TILE_ROWS + in_tile * 4 + i % 4] ^ form.flip;
  }
  quant_decode_row(w->type, block, dst, 32);
}

void k_weight_part(const k_weight *w, isize r, isize col, isize n, f32 *dst) {
  ASSERT(r >= 0 && r < w->rows && col >= 0 && n >= 0 && col + n <= w->cols);
  isize row_bytes = quant_row_bytes(w->type, w->cols);
  if (!w->packed || r >= w->rows / K_TILE_ROWS * K_TILE_ROWS) {
    const u8 *row = w->at + r * row_bytes;
    quant_decode_row(w->type, row + quant_row_bytes(w->type, col), dst, n);
    return;
  }
  pack_form form = pack_form_of(w->type);
  isize block_bytes = (form.quants_bytes + 2 * form.n_halves) * K_TILE_ROWS;
  const u8 *tile = w->at + r / K_TILE_ROWS * K_TILE_ROWS * row_bytes;
  for (isize b = col / 32; b < (col + n) / 32; b++) {
    packed_block_decode(w, form, tile + b * block_bytes, r % K_TILE_ROWS, dst + b * 32 - col);
  }
}

void k_weight_row(const k_weight *w, isize r, f32 *dst) { k_weight_part(w, r, 0, w->cols, dst); }

/* Entries (rows x blocks) of a k_rows, whole groups, and the rows' finer ones. */
static isize rows_entries(isize m_max, isize d) {
  return round_up(m_max, K_ROW_GROUP) * (d / 32 + 1);
}

isize k_rows_bytes(isize m_max, isize d) {
  /* 2 bytes per value: some tables keep 16 bits; 64 to align */
  return 64 + rows_entries(m_max, d) * ((isize)32 * 2 + 3 * (isize)sizeof(f32)) +
         round_up(m_max, K_ROW_GROUP);
}

k_rows k_rows_place(void *block, isize m_max, isize d) {
  ASSERT(d % 32 == 0 && d > 0 && m_max > 0);
  isize n = rows_entries(m_max, d);
  u8 *q = (u8 *)(((uintptr_t)block + 63) & ~(uintptr_t)63);
  f32 *scale = (f32 *)(q + n * 64);
  i32 *isum = (i32 *)(scale + 2 * n);
  u8 *fine = (u8 *)(isum + n);
  bytes_zero(fine, round_up(m_max, K_ROW_GROUP));
  return (k_rows){
      .d = d, .m_max = m_max, .q = q, .scale = scale, .sum = scale + n, .isum = isum, .fine = fine};
}

/* ---- choice ---- */
const k_table *k_table_named(const char *name) {
  for (isize i = 0; k_tables_built[i].table != nullptr; i++) {
    const char *is = k_tables_built[i].table->name;
    if (!bytes_equal(bytes_from_str(is), bytes_from_str(name))) continue;
    return k_tables_built[i].runs() ? k_tables_built[i].table : nullptr;
  }
  return nullptr;
}

const k_table *k_table_best(void) {
  const k_table *best = nullptr;
  for (isize i = 0; k_tables_built[i].table != nullptr; i++) { /* slowest first */
    const k_built *next = &k_tables_built[i];
    if (!next->runs()) continue;
    if (next->faster != nullptr && !next->faster()) continue;
    best = next->table;
  }
  return best;
}
