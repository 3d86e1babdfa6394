/* The table "relaxed": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_relaxed
#define K_NAME "relaxed"
#include "kernel/kernel_body.inc"
