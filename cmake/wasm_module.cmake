# wasm_module(NAME SOURCE...): a program NAME.wasm in the build folder. JavaScript gives its memory
# (shared, so that workers can join). 128 KiB of linker stack for the first thread; other threads
# bring their own (os/os_wasm.c, sdk/src/worker/threads.ts).
function(wasm_module name)
  add_executable(${name} ${ARGN})
  target_link_options(${name} PRIVATE --no-entry --import-memory --shared-memory
    --max-memory=4294967296 -z stack-size=131072 --stack-first --gc-sections
    --export=__stack_pointer --export=__tls_base --export=__tls_size
    --export=__wasm_init_tls --export=__heap_base)
  set_target_properties(${name} PROPERTIES SUFFIX .wasm RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()
# wasm_small_module(NAME SOURCE...): one that owns its memory, a page or two that never grows, and
# asks nothing of the host: no imports, no threads, no SIMD.
function(wasm_small_module name)
  add_executable(${name} ${ARGN})
  target_compile_options(${name} PRIVATE -Oz -mno-simd128)
  target_link_options(${name} PRIVATE --no-entry -z stack-size=8192 --stack-first --gc-sections
    --strip-all)
  set_target_properties(${name} PROPERTIES SUFFIX .wasm RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()
