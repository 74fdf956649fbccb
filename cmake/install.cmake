# SPDX-License-Identifier: MIT
# pkg-config files, the CMake package, and what is installed where.

# Build tree: PKG_CONFIG_PATH=<build>/pkgconfig compiles and links against it without an install. A blank in a folder's
# name is part of it.
string(REPLACE " " "\\ " ZCNET_INCLUDE_SOURCE "${PROJECT_SOURCE_DIR}/include")
string(REPLACE " " "\\ " ZCNET_CPP_INCLUDE_SOURCE "${PROJECT_SOURCE_DIR}/bindings/cpp/include")
string(REPLACE " " "\\ " ZCNET_LIBRARY_BUILD "${PROJECT_BINARY_DIR}")
set(zcnet_private_libs "-lstdc++ -lm -pthread")
# What links libzcnet: the shared library alone; where there is none, the archive and what it needs.
set(ZCNET_PC_LIBS)
set(ZCNET_PC_LIBS_PRIVATE ${zcnet_private_libs})
if(NOT ZCNET_SHARED)
    set(ZCNET_PC_LIBS " ${zcnet_private_libs}")
    set(ZCNET_PC_LIBS_PRIVATE)
endif()
configure_file(pkgconfig/libzcnet-uninstalled.pc.in pkgconfig/libzcnet-uninstalled.pc @ONLY)
if(ZCNET_STATIC)
    configure_file(pkgconfig/libzcnet-static-uninstalled.pc.in pkgconfig/libzcnet-static-uninstalled.pc @ONLY)
endif()

if(NOT ZCNET_INSTALL)
    return()
endif()
include(CMakePackageConfigHelpers)

# The .pc files name the prefix, which may be given as late as `cmake --install --prefix`: they are written then, by
# write_pc.cmake, which escapes what is in it.
function(zcnet_below_prefix out directory)
    if(IS_ABSOLUTE ${directory})
        set(${out} ${directory} PARENT_SCOPE)
    else()
        set(${out} "\${prefix}/${directory}" PARENT_SCOPE)
    endif()
endfunction()
zcnet_below_prefix(zcnet_pc_libdir ${CMAKE_INSTALL_LIBDIR})
zcnet_below_prefix(zcnet_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})

function(zcnet_install_pc name)
    set(written ${PROJECT_BINARY_DIR}/install-pkgconfig/${name}.pc)
    install(CODE "
        set(PROJECT_VERSION \"${PROJECT_VERSION}\")
        set(PROJECT_DESCRIPTION \"${PROJECT_DESCRIPTION}\")
        set(ZCNET_LIBDIR [[${zcnet_pc_libdir}]])
        set(ZCNET_INCLUDEDIR [[${zcnet_pc_includedir}]])
        set(ZCNET_PC_LIBS \"${ZCNET_PC_LIBS}\")
        set(ZCNET_PC_LIBS_PRIVATE \"${ZCNET_PC_LIBS_PRIVATE}\")
        set(ZCNET_PC_TEMPLATE [[${PROJECT_SOURCE_DIR}/pkgconfig/${name}.pc.in]])
        set(ZCNET_PC_WRITTEN [[${written}]])")
    install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/write_pc.cmake)
    install(FILES ${written} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# An export set for each kind, so that a package may hold one of them alone.
set(zcnet_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/zcnet)
foreach(kind shared static)
    if(TARGET zcnet_${kind})
        install(TARGETS zcnet_${kind} EXPORT zcnet-${kind} DESTINATION ${CMAKE_INSTALL_LIBDIR})
        install(EXPORT zcnet-${kind} NAMESPACE zcnet:: DESTINATION ${zcnet_cmake_dir})
    endif()
endforeach()
zcnet_install_pc(libzcnet)
if(ZCNET_STATIC)
    zcnet_install_pc(libzcnet-static)
endif()
if(ZCNET_TOOL)
    install(TARGETS zcnet_tool DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(ZCNET_MAN)
    install(DIRECTORY ${zcnet_man}/man3 ${zcnet_man}/man7 DESTINATION ${CMAKE_INSTALL_MANDIR})
    if(ZCNET_TOOL)
        install(DIRECTORY ${zcnet_man}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
    endif()
endif()
if(ZCNET_TOOL AND zcnet_has_probes)
    file(GLOB zcnet_tracing CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tracing/*.bt)
    install(FILES ${zcnet_tracing} DESTINATION ${CMAKE_INSTALL_DATADIR}/zcnet)
endif()
# A folder that is missing, as in a copy of a part of the tree, would be installed as nothing.
foreach(folder include/zcnet bindings/cpp/include/zcnet)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${folder})
        message(FATAL_ERROR "${folder} is missing from the sources")
    endif()
endforeach()
install(DIRECTORY include/zcnet bindings/cpp/include/zcnet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

write_basic_package_version_file(${PROJECT_BINARY_DIR}/zcnet-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES cmake/zcnet-config.cmake ${PROJECT_BINARY_DIR}/zcnet-config-version.cmake
        DESTINATION ${zcnet_cmake_dir})
