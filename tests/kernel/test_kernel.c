/* Every kernel table of this machine against kernel_ref: the cases of kernel_cases.c, one cmocka
 * test per table and case. Tables this machine cannot run are named and left out. */
#include "cmocka_all.h"
#include "kernel_cases.c"

#include <stdio.h>

typedef struct {
  const char *table;
  const kernel_case_entry *entry;
} run_of;

static void run_case(void **state) {
  const run_of *run = *state;
  const k_table *table = k_table_named(run->table);
  assert_non_null(table);
  const char *wrong = run->entry->run(table);
  if (wrong != nullptr) fail_msg("%s: %s: %s", run->table, run->entry->name, wrong);
}

static void best_is_one_of_them(void **state) {
  (void)state;
  const k_table *best = k_table_best();
  assert_non_null(best);
  assert_ptr_equal(k_table_named(best->name), best);
  assert_string_not_equal(best->name, "ref");
  assert_null(k_table_named("no such table"));
  printf("best: %s\n", best->name);
}

int main(void) {
  static const char *names[] = {"ref", "scalar", "avx2", "avx512vnni", "neon"};
  enum { N_NAMES = 5, N_MAX = 100 };
  static run_of runs[N_MAX];
  static struct CMUnitTest tests[N_MAX];
  static char titles[N_MAX][96];
  int n = 0;
  tests[n++] = (struct CMUnitTest)cmocka_unit_test(best_is_one_of_them);
  for (int i = 0; i < N_NAMES; i++) {
    if (k_table_named(names[i]) == nullptr) {
      printf("no table %s here\n", names[i]);
      continue;
    }
    for (const kernel_case_entry *e = kernel_cases; e->name != nullptr; e++, n++) {
      runs[n] = (run_of){names[i], e};
      snprintf(titles[n], sizeof titles[n], "%s %s", names[i], e->name);
      tests[n] = (struct CMUnitTest){titles[n], run_case, nullptr, nullptr, &runs[n]};
    }
  }
  return _cmocka_run_group_tests("kernel", tests, n, nullptr, nullptr);
}
