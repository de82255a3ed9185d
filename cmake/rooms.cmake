# fathom_room(NAME SOURCES file... [DEPENDS room...] [LINK library...] [TESTS file_test.cpp...]
#             [TEST_THREADS n] [GLUE])
#
# One static library per folder under src/. DEPENDS names the rooms whose headers this room may
# include; tools/check_layers.py holds the includes against the same statement. TESTS become one
# executable NAME_test. A room of GLUE hands things on and computes little: builds with sanitizers do
# not optimise it. Optimised, Boost's templates take four times as long to compile.
function(fathom_room name)
  cmake_parse_arguments(ROOM "GLUE" "TEST_THREADS" "SOURCES;DEPENDS;LINK;TESTS" ${ARGN})
  set(target fathom_${name})
  list(TRANSFORM ROOM_DEPENDS PREPEND fathom_ OUTPUT_VARIABLE depends)
  if(ROOM_SOURCES)
    add_library(${target} STATIC ${ROOM_SOURCES})
    target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} PUBLIC ${depends} PRIVATE ${ROOM_LINK})
    if(ROOM_GLUE AND FATHOM_SANITIZE)
      target_compile_options(${target} PRIVATE -O0)
    endif()
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${target} INTERFACE ${depends} ${ROOM_LINK})
  endif()
  if(FATHOM_TESTS AND ROOM_TESTS)
    fathom_test(${name}_test SOURCES ${ROOM_TESTS} LINK ${target} ${ROOM_LINK}
      THREADS ${ROOM_TEST_THREADS})
  endif()
endfunction()

# fathom_test(NAME SOURCES file... LINK target... [THREADS n]): a GoogleTest executable, one ctest
# entry per test, labelled NAME. ctest runs tests of n threads so that they have the cores to
# themselves: threads that wait for each other are slow where others compete. The sources are
# compiled several at a time, since GoogleTest's headers take longer than most of them.
function(fathom_test name)
  cmake_parse_arguments(TEST "" "THREADS" "SOURCES;LINK" ${ARGN})
  if(NOT TEST_THREADS)
    set(TEST_THREADS 1)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE FATHOM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON)
  # The work is in the rooms: expectations take longer to optimise than to run.
  target_compile_options(${name} PRIVATE -O0)
  # Read by sanitized builds only.
  set(leaks LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/lsan.supp:print_suppressions=0)
  gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 600 LABELS ${name} PROCESSORS ${TEST_THREADS} ENVIRONMENT ${leaks})
endfunction()
include(GoogleTest)
