# SPDX-License-Identifier: MIT
# Writes a .pc file, while installing. The prefix is told as pkg-config reads it: absolute, so that the flags do not
# depend on where it is asked, and with its blanks escaped.
get_filename_component(ZCNET_PREFIX "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
foreach(folder ZCNET_PREFIX ZCNET_LIBDIR ZCNET_INCLUDEDIR)
    string(REPLACE " " "\\ " ${folder} "${${folder}}")
endforeach()
configure_file("${ZCNET_PC_TEMPLATE}" "${ZCNET_PC_WRITTEN}" @ONLY)
