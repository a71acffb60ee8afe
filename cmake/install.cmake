# What `cmake --install` puts where.
if(NOT TARGET weft_shared)
  return()
endif()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

install(TARGETS weft_shared weft_static EXPORT weftTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/weft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT weftTargets NAMESPACE weft:: DESTINATION ${package_dir})
configure_package_config_file(cmake/weftConfig.cmake.in weftConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(weftConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake DESTINATION ${package_dir})

# weft.pc finds itself, so that an installed tree may be moved.
file(RELATIVE_PATH weft_pc_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/weft.pc.in weft.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

foreach(section 1 3 7)
  file(GLOB pages CONFIGURE_DEPENDS docs/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()

# `man weft_queue_push` is the page that has that name: each name that a page of section 3
# describes is a page of one line.
file(GLOB pages CONFIGURE_DEPENDS docs/*.3)
foreach(page ${pages})
  get_filename_component(of ${page} NAME)
  file(STRINGS ${page} names REGEX "^\\.(Nm|Nd) ")
  foreach(line ${names})
    if(line MATCHES "^\\.Nd")
      break() # what follows is the text
    endif()
    string(REGEX REPLACE "^\\.Nm ([A-Za-z0-9_]+).*" "\\1" name "${line}")
    if(NOT "${name}.3" STREQUAL of AND NOT EXISTS ${PROJECT_SOURCE_DIR}/docs/${name}.3)
      set(alias ${CMAKE_CURRENT_BINARY_DIR}/man3/${name}.3)
      file(CONFIGURE OUTPUT ${alias} CONTENT ".so man3/${of}\n")
      install(FILES ${alias} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
    endif()
  endforeach()
endforeach()
if(EXISTS ${PROJECT_SOURCE_DIR}/cli/weft.bash-completion)
  install(FILES cli/weft.bash-completion RENAME weft
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
if(TARGET weft)
  install(TARGETS weft RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
