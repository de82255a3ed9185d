# fathom_embed(OUTPUT NAME file...): at build time, writes a C++ source that defines
# `std::span<const EmbeddedFile> NAME()` in fathom::server, with the bytes of the files.
#
# The same file is the script that does it: cmake -DOUTPUT=... -DFUNCTION=... -DFILES=... -P
# cmake/embed.cmake. GNU as has .incbin and GNU ld takes binary files, but neither tells the build
# what it depends on, and both bind the program to their tools.
function(fathom_embed output function)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  string(REPLACE ";" "," list "${files}")
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DFUNCTION=${function} -DFILES=${list}
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  string(REPLACE "," ";" files "${FILES}")
  set(entries "")
  foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    file(SIZE ${file} size)
    file(READ ${file} bytes HEX)
    string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
    string(APPEND entries "      {\"${name}\", {\"${bytes}\", ${size}}},\n")
  endforeach()
  file(WRITE ${OUTPUT} "#include \"server/embedded_file.h\"

namespace fathom::server {

std::span<const EmbeddedFile> ${FUNCTION}() {
  static constexpr EmbeddedFile kFiles[] = {
${entries}  };
  return kFiles;
}

}  // namespace fathom::server
")
endif()
