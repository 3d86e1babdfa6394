# wasm32 with threads, straight clang + wasm-ld (docs/adr/0002): the clang driver would run
# Debian's old wasm-opt after linking, which breaks relaxed SIMD.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET wasm32)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT
  "-ffreestanding -nostdlib -matomics -mbulk-memory -mmutable-globals -msimd128 -mnontrapping-fptoint -msign-ext")
set(CMAKE_C_LINK_EXECUTABLE "wasm-ld-19 <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
