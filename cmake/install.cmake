# The library as others see it: one archive, three headers, and a package that find_package finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(objects)
foreach(room base numerics text tensor kernels checkpoint kv ops model engine)
  get_target_property(type fathom_${room} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    list(APPEND objects $<TARGET_OBJECTS:fathom_${room}>)
  endif()
endforeach()
add_library(fathom_library STATIC ${objects})
set_target_properties(fathom_library PROPERTIES OUTPUT_NAME fathom EXPORT_NAME fathom)
target_compile_features(fathom_library PUBLIC cxx_std_20)
target_include_directories(fathom_library INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# By name, so that whoever links the archive needs no pkg-config to find them.
target_link_libraries(fathom_library PRIVATE fmt::fmt Threads::Threads pcre2-8 uring
  xxhash)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fathom)
write_basic_package_version_file(fathom-config-version.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS fathom_library EXPORT fathom-targets COMPONENT development)
install(EXPORT fathom-targets NAMESPACE fathom:: DESTINATION ${package_dir} COMPONENT development)
install(FILES cmake/fathom-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/fathom-config-version.cmake
  DESTINATION ${package_dir} COMPONENT development)
install(FILES src/engine/engine.h src/engine/observer.h src/engine/request.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fathom COMPONENT development)
install(FILES LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT licence)

# Completions and manual pages, as the program describes itself. Sanitized programs are not installed.
if(NOT FATHOM_SANITIZE)
  set(reference_dir ${CMAKE_CURRENT_BINARY_DIR}/reference)
  set(write_reference)
  foreach(form man bash zsh fish)
    list(APPEND write_reference
      COMMAND ${CMAKE_COMMAND} -E make_directory ${reference_dir}/${form}
      COMMAND fathom reference ${form} --out ${reference_dir}/${form})
  endforeach()
  add_custom_command(OUTPUT ${reference_dir}/written
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${reference_dir}
    ${write_reference}
    COMMAND gzip -9n ${reference_dir}/man/*.1
    COMMAND ${CMAKE_COMMAND} -E touch ${reference_dir}/written
    DEPENDS fathom COMMENT "Writing completions and manual pages" )
  add_custom_target(reference ALL DEPENDS ${reference_dir}/written)
  install(DIRECTORY ${reference_dir}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
    COMPONENT program)
  install(DIRECTORY ${reference_dir}/bash/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
  install(DIRECTORY ${reference_dir}/fish/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
  install(DIRECTORY ${reference_dir}/zsh/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT zsh)
endif()
