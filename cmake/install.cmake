# The library as others see it: one archive, two headers, and a package that find_package finds.
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
install(TARGETS fathom_library EXPORT fathom-targets)
install(EXPORT fathom-targets NAMESPACE fathom:: DESTINATION ${package_dir})
install(FILES cmake/fathom-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/fathom-config-version.cmake
  DESTINATION ${package_dir})
install(FILES src/engine/engine.h src/engine/request.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fathom)
install(FILES LICENSE NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
