/* The table "relaxed32": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_relaxed32
#define K_NAME "relaxed32"
#include "kernel/kernel_body.inc"
