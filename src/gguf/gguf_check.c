/* See gguf_check.h. Sorting makes the pairwise checks n log n: a hostile file may list a
 * million tiny tensors, and comparing each with each would hang. */
#include "gguf/gguf_check.h"

#include "base/text_out.h"

/* -1, 0, 1 for entries i and j of a directory. */
typedef int compare_fn(const gguf_file *file, isize i, isize j);

static int names_compare(nf_bytes a, nf_bytes b) {
  isize n = isize_min(a.len, b.len);
  for (isize i = 0; i < n; i++) {
    if (a.at[i] != b.at[i]) return a.at[i] < b.at[i] ? -1 : 1;
  }
  return (a.len > b.len) - (a.len < b.len);
}

static int by_key(const gguf_file *f, isize i, isize j) {
  return names_compare(f->kvs[i].key, f->kvs[j].key);
}

static int by_name(const gguf_file *f, isize i, isize j) {
  return names_compare(f->tensors[i].name, f->tensors[j].name);
}

static int by_offset(const gguf_file *f, isize i, isize j) {
  u64 a = f->tensors[i].offset, b = f->tensors[j].offset;
  return (a > b) - (a < b);
}

/* Heap sort: in place, no recursion, no bad case. */
static void sift(const gguf_file *f, compare_fn *compare, isize *order, isize root, isize n) {
  for (isize child; (child = 2 * root + 1) < n; root = child) {
    if (child + 1 < n && compare(f, order[child], order[child + 1]) < 0) child++;
    if (compare(f, order[root], order[child]) >= 0) return;
    isize swap = order[root];
    order[root] = order[child];
    order[child] = swap;
  }
}

static void sort(const gguf_file *f, compare_fn *compare, isize *order, isize n) {
  for (isize i = 0; i < n; i++) order[i] = i;
  for (isize i = n / 2 - 1; i >= 0; i--) sift(f, compare, order, i, n);
  for (isize last = n - 1; last > 0; last--) {
    isize largest = order[0];
    order[0] = order[last];
    order[last] = largest;
    sift(f, compare, order, 0, last);
  }
}

void gguf_order_by_offset(const gguf_file *file, isize *order) {
  sort(file, by_offset, order, file->n_tensors);
}

/* Place of a name that stands twice, -1 when each is unique. */
static isize twice(const gguf_file *f, compare_fn *compare, isize *order, isize n) {
  sort(f, compare, order, n);
  for (isize i = 1; i < n; i++) {
    if (compare(f, order[i - 1], order[i]) == 0) return order[i];
  }
  return -1;
}

nf_status gguf_check(gguf_file *file, u64 alignment, isize *order, nf_error *error) {
  isize i = twice(file, by_key, order, file->n_kvs);
  if (i >= 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("GGUF file, key "), E_FOREIGN(file->kvs[i].key),
                     E_STR(": stands twice, once expected"));
  }
  i = twice(file, by_name, order, file->n_tensors);
  if (i >= 0) {
    return error_set(error, NF_BAD_INPUT, E_STR("GGUF file, tensor "),
                     E_FOREIGN(file->tensors[i].name), E_STR(": stands twice, once expected"));
  }
  u64 data_bytes = file->file_bytes - file->data_offset;
  for (i = 0; i < file->n_tensors; i++) {
    gguf_tensor *t = &file->tensors[i];
    if ((t->offset & (alignment - 1)) != 0) {
      return error_set(error, NF_BAD_INPUT, E_STR("GGUF file, tensor "), E_FOREIGN(t->name),
                       E_STR(": its data begins at offset "), E_INT(t->offset),
                       E_STR(", a multiple of "), E_INT(alignment), E_STR(" expected"));
    }
    if ((u64)t->bytes > data_bytes || t->offset > data_bytes - (u64)t->bytes) {
      return error_set(error, NF_BAD_INPUT, E_STR("GGUF file, tensor "), E_FOREIGN(t->name),
                       E_STR(": its "), E_INT(t->bytes), E_STR(" bytes at offset "),
                       E_INT(t->offset), E_STR(" end past the file's end, byte "),
                       E_INT(file->file_bytes));
    }
    t->offset += file->data_offset;
  }
  sort(file, by_offset, order, file->n_tensors);
  for (i = 1; i < file->n_tensors; i++) {
    const gguf_tensor *before = &file->tensors[order[i - 1]], *t = &file->tensors[order[i]];
    if (t->offset - before->offset < (u64)before->bytes) {
      return error_set(error, NF_BAD_INPUT, E_STR("GGUF file, tensor "), E_FOREIGN(t->name),
                       E_STR(": its data at byte "), E_INT(t->offset), E_STR(" overlaps that of "),
                       E_FOREIGN(before->name));
    }
  }
  return NF_OK;
}
