/* bench_kernel [TABLE...]: one JSON object on stdout with GB/s of weights and GMAC/s per table,
 * type and number of rows (one thread), and ns of the steps between products.
 * "stream": 64 MB of weights, as in decoding; "layer": one 1536 x 576 matrix. */
#include <stdio.h>

#include "gguf/gguf.h"
#include "kernel_bench.h"

static void table_print(const k_table *table, const char *separator) {
  static const gguf_type types[] = {GGUF_Q4_0, GGUF_Q4_1, GGUF_Q8_0};
  static const isize ms[] = {1, 2, 4, 8, 16, 32, 64};
  printf("%s\n \"%s\": {", separator, table->name);
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < 7; i++) {
      bench_result r;
      isize m = ms[i], n_rows = m == 1 ? 98304 : 1536;
      if (!bench_product(table, types[t], n_rows, 576, m, &r)) continue;
      printf("\n  \"%s.%s.m%td\": {\"gb_s\": %.2f, \"gmac_s\": %.2f},", gguf_type_name(types[t]),
             m == 1 ? "stream" : "layer", m, r.bytes / r.ns, r.macs / r.ns);
    }
  }
  for (int i = 0; i < 2; i++) {
    bench_times b;
    isize m = i == 0 ? 1 : 32;
    bench_around(table, m, 150, &b);
    printf(
        "\n  \"layer_ns.m%td.keys150\": {\"rms_norm\": %.0f, \"rows_quantize\": %.0f, \"rope\": "
        "%.0f, \"attention\": %.0f, \"swiglu\": %.0f}%s",
        m, b.rms_norm, b.rows_quantize, b.rope, b.attention, b.swiglu, i == 0 ? "," : "}");
  }
}

int main(int argc, char **argv) {
  static const char *all[] = {"scalar", "avx2", "avx512vnni", "neon"};
  const char *separator = "{";
  for (int i = 0; i < (argc > 1 ? argc - 1 : 4); i++) {
    const k_table *table = k_table_named(argc > 1 ? argv[i + 1] : all[i]);
    if (table == nullptr) continue;
    table_print(table, separator);
    separator = ",";
  }
  printf("\n}\n");
  return 0;
}
