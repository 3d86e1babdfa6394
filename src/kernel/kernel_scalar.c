/* The table "scalar": kernel_body.inc with the flags of kernel/CMakeLists.txt. */
#define K_TABLE k_table_scalar
#define K_NAME "scalar"
#include "kernel/kernel_body.inc"
