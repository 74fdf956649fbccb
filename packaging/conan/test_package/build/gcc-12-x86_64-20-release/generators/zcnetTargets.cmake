# Load the debug and release variables
file(GLOB DATA_FILES "${CMAKE_CURRENT_LIST_DIR}/zcnet-*-data.cmake")

foreach(f ${DATA_FILES})
    include(${f})
endforeach()

# Create the targets for all the components
foreach(_COMPONENT ${zcnet_COMPONENT_NAMES} )
    if(NOT TARGET ${_COMPONENT})
        add_library(${_COMPONENT} INTERFACE IMPORTED)
        message(${zcnet_MESSAGE_MODE} "Conan: Component target declared '${_COMPONENT}'")
    endif()
endforeach()

if(NOT TARGET zcnet::zcnet)
    add_library(zcnet::zcnet INTERFACE IMPORTED)
    message(${zcnet_MESSAGE_MODE} "Conan: Target declared 'zcnet::zcnet'")
endif()
if(NOT TARGET zcnet::static)
    add_library(zcnet::static INTERFACE IMPORTED)
    set_property(TARGET zcnet::static PROPERTY INTERFACE_LINK_LIBRARIES zcnet::zcnet)
endif()
# Load the debug and release library finders
file(GLOB CONFIG_FILES "${CMAKE_CURRENT_LIST_DIR}/zcnet-Target-*.cmake")

foreach(f ${CONFIG_FILES})
    include(${f})
endforeach()