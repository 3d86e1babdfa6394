/* The table "avx512vnni": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_avx512vnni
#define K_NAME "avx512vnni"
#include "kernel/kernel_body.inc"
