# What weft stands on. WEFT_DEPS is what the libraries themselves need.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEFT_CK REQUIRED IMPORTED_TARGET ck)
pkg_check_modules(WEFT_HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(WEFT_URCU REQUIRED IMPORTED_TARGET liburcu-memb liburcu-cds)
pkg_check_modules(WEFT_XXHASH REQUIRED libxxhash>=0.8) # its header alone; nothing is linked
set(WEFT_DEPS PkgConfig::WEFT_CK PkgConfig::WEFT_HWLOC PkgConfig::WEFT_URCU Threads::Threads)

pkg_check_modules(WEFT_JANSSON REQUIRED IMPORTED_TARGET jansson) # the command
if(WEFT_BUILD_TESTS)
  pkg_check_modules(WEFT_CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
