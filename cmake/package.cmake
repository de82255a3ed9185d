# Debian packages, by "cpack --preset release": the program with its service, the library, and the
# trainer if it was built. What only a package has is installed by none but CPack.
set(debian_dir ${PROJECT_SOURCE_DIR}/packaging/debian)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz)

set(packages fathom libfathom-dev)
set(components program service development)
if(TARGET fathom-train)
  list(APPEND packages fathom-train)
  list(APPEND components trainer)
endif()

# Debian looks for these under other names than the rest of the world, or for nobody else at all.
execute_process(COMMAND gzip -9nc ${debian_dir}/changelog
  OUTPUT_FILE ${changelog} COMMAND_ERROR_IS_FATAL ANY)
foreach(package IN LISTS packages)
  install(FILES ${debian_dir}/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
    COMPONENT debian-${package} EXCLUDE_FROM_ALL)
  install(FILES ${changelog}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT debian-${package} EXCLUDE_FROM_ALL)
  list(APPEND components debian-${package})
endforeach()
install(FILES packaging/fathom.service DESTINATION lib/systemd/system
  COMPONENT service EXCLUDE_FROM_ALL)
install(FILES packaging/serve.toml DESTINATION /etc/fathom COMPONENT service EXCLUDE_FROM_ALL)
install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/reference/zsh/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT service EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Fathom authors <maintainers@fathom.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "DeepSeek-V4 models on CPU servers")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_FATHOM_PACKAGE_NAME fathom)
set(CPACK_DEBIAN_FATHOM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FATHOM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FATHOM_PACKAGE_CONTROL_EXTRA
  ${debian_dir}/conffiles ${debian_dir}/postinst ${debian_dir}/postrm ${debian_dir}/prerm)

# A static library needs what it was built with.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libfathom-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS
  "libfmt-dev, libpcre2-dev, liburing-dev, libxxhash-dev")

set(CPACK_DEBIAN_TRAINER_PACKAGE_NAME fathom-train)
set(CPACK_DEBIAN_TRAINER_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TRAINER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TRAINER_PACKAGE_DEPENDS "fathom (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TRAINER_PACKAGE_RECOMMENDS libopenblas0-pthread)
set(CPACK_DEBIAN_FATHOM_DESCRIPTION
  "Runs DeepSeek-V4 models, with their million-token context, on CPU servers:
prompts and chats on the command line, and a server that speaks the APIs of
OpenAI and Anthropic. A tiny model is in the package.")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION
  "Runs DeepSeek-V4 models inside another program: two headers, a static
library, and a package for CMake.")
set(CPACK_DEBIAN_TRAINER_DESCRIPTION
  "Trains small models of DeepSeek-V4's architecture, and fine-tunes
checkpoints, as the command \"fathom train\".")

include(CPack)
cpack_add_component(program GROUP fathom)
cpack_add_component(service GROUP fathom)
cpack_add_component(debian-fathom GROUP fathom)
cpack_add_component(development GROUP library)
cpack_add_component(debian-libfathom-dev GROUP library)
cpack_add_component(trainer GROUP trainer)
cpack_add_component(debian-fathom-train GROUP trainer)
