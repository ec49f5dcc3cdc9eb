# dsrun_cuda: the row kernels for CUDA, where there is a compiler for them. Included by CMakeLists.txt.
set(DSRUN_CUDA AUTO CACHE STRING "Build the CUDA kernels: ON, OFF, or AUTO: where nvcc works")
set_property(CACHE DSRUN_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT DSRUN_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "DSRUN_CUDA is AUTO, ON or OFF, not ${DSRUN_CUDA}")
endif()

# Sanitizers know nothing of device code.
if(DSRUN_CUDA STREQUAL "OFF" OR (DSRUN_CUDA STREQUAL "AUTO" AND DSRUN_SANITIZE))
  return()
endif()
find_program(nvcc nvcc PATHS /usr/local/cuda/bin NO_CACHE)
if(nvcc AND NOT DEFINED ENV{CUDACXX})
  set(ENV{CUDACXX} ${nvcc})
endif()
if(DSRUN_CUDA STREQUAL "AUTO")
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(STATUS "No nvcc that works: building without CUDA kernels")
    return()
  endif()
endif()

set(CMAKE_CUDA_ARCHITECTURES 90 CACHE STRING "Device generations to compile for")
enable_language(CUDA)
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # which CMake 3.25.1 does not know

file(GLOB cuda_sources CONFIGURE_DEPENDS runtime/backend/cuda/*.cu)
add_library(dsrun_cuda STATIC ${cuda_sources})
target_compile_options(dsrun_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Wshadow,-Werror>)
target_include_directories(dsrun_cuda PUBLIC ${CMAKE_SOURCE_DIR})
target_include_directories(dsrun_cuda SYSTEM PUBLIC ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
