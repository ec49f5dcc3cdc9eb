# Debian's UCX 1.13 has a pkg-config file without targets. Defines UCX::ucp, with the part of ucs that it needs.
find_path(UCX_INCLUDE_DIR ucp/api/ucp.h)
find_library(UCX_UCP_LIBRARY ucp)
find_library(UCX_UCS_LIBRARY ucs)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(UCX REQUIRED_VARS UCX_UCP_LIBRARY UCX_UCS_LIBRARY UCX_INCLUDE_DIR)
if(UCX_FOUND AND NOT TARGET UCX::ucp)
  add_library(UCX::ucp UNKNOWN IMPORTED)
  set_target_properties(UCX::ucp PROPERTIES
    IMPORTED_LOCATION ${UCX_UCP_LIBRARY}
    INTERFACE_LINK_LIBRARIES ${UCX_UCS_LIBRARY}
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${UCX_INCLUDE_DIR})
endif()
