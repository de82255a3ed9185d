# cmake -DNM=... -DOBJECTS=a.o,b.o,... -P check_tier_symbols.cmake
#
# Fails if a tier's object file offers the linker code that others share (a weak symbol): compiled
# for one instruction set, it could replace the copy that must run on lesser machines.
string(REPLACE "," ";" objects "${OBJECTS}")
list(FILTER objects INCLUDE REGEX "/avx[^/]*/[^/]*$")
if(NOT objects)
  message(FATAL_ERROR "no tier among the objects: ${OBJECTS}")
endif()
foreach(object IN LISTS objects)
  execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  # A V is data: the reference to the exception personality. Clang's terminate has no vector code.
  string(REGEX MATCHALL "[^\n]* [Wu] [^\n]*" shared "${symbols}")
  list(FILTER shared EXCLUDE REGEX "__clang_call_terminate$")
  if(shared)
    list(JOIN shared "\n  " shared)
    message(FATAL_ERROR "${object} shares code with other files:\n  ${shared}")
  endif()
endforeach()
