/* The table "avx2": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_avx2
#define K_NAME "avx2"
#include "kernel/kernel_body.inc"
