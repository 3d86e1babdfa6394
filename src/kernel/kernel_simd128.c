/* The table "simd128": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_simd128
#define K_NAME "simd128"
#include "kernel/kernel_body.inc"
