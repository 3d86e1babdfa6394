/* The table "neon": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_neon
#define K_NAME "neon"
#include "kernel/kernel_body.inc"
