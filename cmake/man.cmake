# SPDX-License-Identifier: MIT
# The manual pages, made anew when a header or the tool has changed.

# The date that the pages bear. It is set with a release, so that two builds of one state make the same pages.
set(zcnet_man_date "November 22, 2026")

set(zcnet_man ${PROJECT_BINARY_DIR}/man)
file(GLOB zcnet_man_sources CONFIGURE_DEPENDS include/zcnet/*.h docs/man/* docs/man/examples/* scripts/*man*
                                              scripts/mdoc.awk)
list(REMOVE_ITEM zcnet_man_sources ${PROJECT_SOURCE_DIR}/docs/man/examples)
# The tool tells its options itself, where it can be started.
set(zcnet_man_tool)
if(ZCNET_TOOL AND (NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR) AND NOT ZCNET_SANITIZE)
    set(zcnet_man_tool ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:zcnet_tool>)
    list(APPEND zcnet_man_sources zcnet_tool)
endif()
add_custom_command(OUTPUT ${zcnet_man}.stamp
                   COMMAND sh ${PROJECT_SOURCE_DIR}/scripts/man.sh ${zcnet_man} ${PROJECT_VERSION} ${zcnet_man_date}
                           ${zcnet_man_tool}
                   COMMAND ${CMAKE_COMMAND} -E touch ${zcnet_man}.stamp
                   DEPENDS ${zcnet_man_sources}
                   COMMENT "Making the manual pages"
                   VERBATIM)
add_custom_target(zcnet_man ALL DEPENDS ${zcnet_man}.stamp)
