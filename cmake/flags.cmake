# Compiler flags that hold for everything in this tree.
add_compile_options(
  $<$<COMPILE_LANGUAGE:C>:-Wall> $<$<COMPILE_LANGUAGE:C>:-Wextra>
  $<$<COMPILE_LANGUAGE:C>:-Wpedantic> $<$<COMPILE_LANGUAGE:C>:-Wshadow>
  $<$<COMPILE_LANGUAGE:C>:-Wundef> $<$<COMPILE_LANGUAGE:C>:-Wvla>
  $<$<COMPILE_LANGUAGE:C>:-Wconversion> $<$<COMPILE_LANGUAGE:C>:-Wcast-qual>
  $<$<COMPILE_LANGUAGE:C>:-Wcast-align> $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
  $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
if(WEFT_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-mcx16) # 128-bit compare and swap
  # Jumps that cross 32 bytes are slow on Skylake and its kin (Intel's JCC erratum): without
  # this the short paths run 20 % slower or faster as the wind blows.
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wa,-mbranches-within-32B-boundaries)
  else()
    add_compile_options(-mbranches-within-32B-boundaries)
  endif()
endif()

if(WEFT_SANITIZE)
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
endif()
if(WEFT_SANITIZE MATCHES "thread")
  add_compile_definitions(WEFT_TSAN) # the atomic door then uses C11 atomics
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
    link_libraries(atomic)
  endif()
endif()
