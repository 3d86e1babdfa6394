/* Which tables this build has and whether this machine runs them: the second file, after
 * simd.h, that names instruction sets. K_X86, K_NEON, K_WASM, K_RELAXED: kernel/CMakeLists.txt.
 * Owns the list. Does not choose: kernel.c. */
#include "kernel/internal.h"

extern const k_table k_table_ref, k_table_scalar;
static bool always(void) { return true; }

#if defined(K_X86)
extern const k_table k_table_avx2, k_table_avx512vnni;
static bool runs_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
static bool runs_avx512vnni(void) {
  return runs_avx2() && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#elif defined(K_NEON)
#include <sys/auxv.h>
extern const k_table k_table_neon;
static bool runs_neon(void) { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; } /* ASIMDDP */
#elif defined(K_WASM)
extern const k_table k_table_simd128;
#if defined(K_RELAXED)
extern const k_table k_table_relaxed, k_table_relaxed32;
/* As linked, yes. An engine without relaxed SIMD refuses a module that has it, so there the SDK
 * makes every body that uses it a trap, and this answer 0, before the module is compiled
 * (docs/adr/0022). weak: no caller is to know the answer when it is compiled. */
[[gnu::weak, clang::export_name("k_relaxed_here")]] i32 k_relaxed_here(void);
i32 k_relaxed_here(void) { return 1; }
static bool runs_relaxed(void) {
  return k_relaxed_here() && k_table_right(&k_table_relaxed, &k_table_simd128);
}
static bool runs_relaxed32(void) {
  return k_relaxed_here() && k_table_right(&k_table_relaxed32, &k_table_simd128);
}
/* The clock alone would ask an engine's first compiler, whose code is not what will run. */
static bool faster_relaxed32(void) {
  return !k_relaxed32_in_parts() && k_table_faster(&k_table_relaxed32, &k_table_relaxed);
}
#endif
#endif

const k_built k_tables_built[] = {
    {.table = &k_table_ref, .runs = always},
    {.table = &k_table_scalar, .runs = always},
#if defined(K_X86)
    {.table = &k_table_avx2, .runs = runs_avx2},
    {.table = &k_table_avx512vnni, .runs = runs_avx512vnni},
#elif defined(K_NEON)
    {.table = &k_table_neon, .runs = runs_neon},
#elif defined(K_WASM)
    {.table = &k_table_simd128, .runs = always},
#if defined(K_RELAXED)
    {.table = &k_table_relaxed, .runs = runs_relaxed},
    {.table = &k_table_relaxed32, .runs = runs_relaxed32, .faster = faster_relaxed32},
#endif
#endif
    {},
};
