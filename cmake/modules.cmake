# Every module, a line each: weft_module(room name [WITHOUT piece...]). A line
# stays out of the build as long as WEFT_PARTIAL is on and its files are not there.
option(WEFT_PARTIAL "Report the missing pieces of a module instead of failing" OFF)

weft_module(runtime arena)
weft_module(runtime agent)
weft_module(runtime block)
weft_module(runtime object)
weft_module(runtime wait)
weft_module(runtime topology WITHOUT shared stress crash)
weft_module(sync mutex)
weft_module(sync semaphore)
weft_module(sync rwlock)
weft_module(sync barrier)
weft_module(sync latch)
weft_module(sync event)
weft_module(sync once)
weft_module(sync condition)
weft_module(sync signal)
weft_module(sync select WITHOUT shared)
weft_module(sync fd WITHOUT shared stress crash)
weft_module(structures rendezvous)
weft_module(structures queue)
weft_module(structures array)
weft_module(structures stack)
weft_module(structures pool)
weft_module(structures broadcast)
weft_module(structures ring)
weft_module(structures map)
weft_module(structures set WITHOUT shared)
weft_module(codata function WITHOUT shared crash)
weft_module(codata channel)
weft_module(codata future)
weft_module(codata lazy)
weft_module(codata group)
weft_module(codata stream WITHOUT shared)
weft_module(codata hot)

# Tests that belong to no one module: weft_test(kind room name labels...).
weft_test(unit runtime atomic)
weft_test(unit runtime error)
weft_test(unit runtime desk)
weft_test(crash runtime desk)
weft_test(unit structures part)
weft_test(crash structures part)
weft_test(unit sync sync_kinds)
weft_test(crash runtime selftest)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # it tests the harness, not what that tests
  weft_test(crash runtime grid)
endif()
weft_test(stress sync sync_linear mutex semaphore signal)

# Files of functions, for the test that loads them: they know weft by its headers alone.
if(TARGET function_test)
  foreach(file registered exported)
    add_library(functions_${file} MODULE tests/unit/functions/${file}.c)
    target_include_directories(functions_${file} PRIVATE include)
    set_target_properties(functions_${file} PROPERTIES PREFIX "" OUTPUT_NAME ${file}
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/unit)
    add_dependencies(function_test functions_${file})
    add_dependencies(group_test functions_${file})
  endforeach()
  set_target_properties(function_test PROPERTIES ENABLE_EXPORTS ON)
endif()

# All of it is real, with a process asleep beside each victim; the operations are short.
if(TEST crash/barrier_sleep)
  set_property(TEST crash/barrier_sleep APPEND PROPERTY ENVIRONMENT "WEFT_SWEEP_SECONDS=10")
endif()

# The longest first: so no cpu waits for them in the end.
foreach(test crash/broadcast crash/channel_grid crash/rendezvous_grid crash/queue crash/ring
        crash/map_grid crash/hot crash/hot_grid crash/barrier_grid crash/array_grid
        crash/mutex_grid crash/stack crash/channel crash/grid crash/barrier_sleep
        crash/map_between)
  if(TEST ${test})
    set_tests_properties(${test} PROPERTIES COST 100)
  endif()
endforeach()
